"""Templates of titles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.entries.template import FIELDS, Template
from prepare_root.formats import FormatError

VALUES = {"name": "OS", "version": "1", "kernel": None}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{name}", "OS"),
        ("{name}{version}", "OS1"),
        ("{name} [({version})]", "OS (1)"),
        ("{name}[ Linux {kernel}]", "OS"),
        ("{name} Linux {kernel}", "OS Linux"),
        ("[{name} ][{kernel} ][{version}]", "OS 1"),
        ("[only text]", "only text"),
        ("[]{name}[]", "OS"),
        ("  {name}  ", "OS"),
        ("Größe: {name}", "Größe: OS"),
    ],
)
def test_expand(text, expanded):
    assert Template.parse(text).expand(VALUES) == expanded


WRONG = [
    ("{nome}", "'{nome}': 'nome' is not one of name, version, label, kernel, stateroot, checksum"),
    ("{}", "'{}': '' is not one of name, version, label, kernel, stateroot, checksum"),
    ("{name", "'{name' has a '{' without its other half"),
    ("name}", "'name}' has a '}' without its other half"),
    ("[{name}", "'[{name}' has a '[' without its other half"),
    ("{name}]", "'{name}]' has a ']' without its other half"),
    ("[a[b]]", "'[a[b]]' has a '[' without its other half"),
    ("a\nb", "'a\\nb' has characters that no menu can show"),
    ("a\x1b[0m", "'a\\x1b[0m' has characters that no menu can show"),
]


@pytest.mark.parametrize(("text", "reason"), WRONG)
def test_what_is_no_template(text, reason):
    with pytest.raises(FormatError) as caught:
        Template.parse(text)
    assert str(caught.value) == reason


def test_names():
    template = Template.parse("label [{name}]")
    assert [field for field in FIELDS if template.names(field)] == ["name"]


@given(st.text(alphabet=st.sampled_from("ab []{}"), max_size=12))
def test_any_text_is_a_template_or_an_error(text):
    try:
        found = Template.parse(text)
    except FormatError as error:
        assert repr(text) in str(error)
    else:
        assert found.expand({}) == text.replace("[", "").replace("]", "").strip()
