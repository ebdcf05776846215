"""GRUB's script language: quoting, and the arguments that GRUB hands to the kernel."""


def quote(word: str) -> str:
    """Return `word` as one literal word; raises ValueError for a line feed.

    Nothing is special inside single quotes, so only they need care.
    """
    if "\n" in word:
        raise ValueError("a line feed cannot be quoted")
    return "'" + word.replace("'", "'\\''") + "'"


def kernel_words(options: str) -> list[str]:
    """Return the arguments in `options` as GRUB has to get them.

    Double quotes are taken off: GRUB puts them back around an argument with a space in
    it, and would hand one that it got to the kernel with a backslash before it.
    """
    words: list[str] = []
    word: list[str] = []
    quoted = False
    open_word = False
    for char in options:
        if char == '"':
            quoted = not quoted
            open_word = True
        elif char in " \t" and not quoted:
            if open_word:
                words.append("".join(word))
            word, open_word = [], False
        else:
            word.append(char)
            open_word = True
    if open_word:
        words.append("".join(word))
    return words
