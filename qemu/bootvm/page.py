"""The part of a page in docs/ that a command writes, between two marks."""

BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def with_results(page: str, results: str) -> str:
    """Return the page with other results; raises ValueError where it has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{after}"
