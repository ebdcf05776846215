"""UTF-16LE labels as UTF-8, since the core-only interpreter has no utf-16 codec."""


def label(data: bytes) -> bytes:
    """The text in `data` up to its first NUL; a lone surrogate becomes U+FFFD."""
    text = ""
    units = [data[i] | data[i + 1] << 8 for i in range(0, len(data) - 1, 2)]
    index = 0
    while index < len(units) and units[index]:
        unit = units[index]
        index += 1
        if 0xD800 <= unit < 0xDC00 and index < len(units) and 0xDC00 <= units[index] < 0xE000:
            unit = 0x10000 + ((unit - 0xD800) << 10) + (units[index] - 0xDC00)
            index += 1
        elif 0xD800 <= unit < 0xE000:
            unit = 0xFFFD
        text += chr(unit)
    return text.encode("utf-8")
