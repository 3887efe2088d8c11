"""`--output_template` on the command line: what is accepted, and the sentences for what is not."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixlate import get_plugins
from pixlate.errors import OptionError
from pixlate.options.command.requirements import require_output_names
from pixlate.options.command.resolve import resolve
from pixlate.options.output_template import DEFAULT, FIELDS, require_label, require_template, template_parts


def resolved(*words: str) -> str:
    """The template of a test's command line, checked."""
    options = resolve("test", ["--name", "none", *words], get_plugins())
    require_output_names(options)
    return str(options.values["output_template"])


@pytest.mark.parametrize(
    "template",
    [
        DEFAULT,
        "{folder}/{stem}_{label}",
        "{label}/{index}",
        "{name} {phase} {epoch}/{stem}-{label}",
        "{{{stem}}}_{label}",
    ],
)
def test_templates_that_name_results(template: str) -> None:
    assert resolved("--output_template", template) == template


def test_the_default_is_the_reference_s() -> None:
    assert resolved() == "{stem}_{label}"


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{stem}_{lable}", "{lable} is none of its fields, which are {stem}, {label}, {folder}, {index}"),
        ("{stem.__class__}_{label}", "{stem.__class__} is none of its fields"),
        ("{stem!r}_{label}", "{stem!r} is none of its fields"),
        ("{index:9999999999}_{label}", "{index:9999999999} is none of its fields"),
        ("{}_{label}", "{} is none of its fields"),
        ("{stem_{label}", "its braces do not match"),
        ("{stem}}_{label}", "its braces do not match"),
        ("{stem}_{label", "its braces do not match"),
        ("../{stem}_{label}", "begin with a dot lead out of the folder"),
        ("{folder}/../{stem}_{label}", "begin with a dot lead out of the folder"),
        ("a/./{stem}_{label}", "begin with a dot"),
        (".{stem}_{label}", "begin with a dot"),
        ("/tmp/{stem}_{label}", "it is an absolute path, and results stay in their folder"),
        ("C:/{stem}_{label}", "backslashes, colons and control characters"),
        ("a\\{stem}_{label}", "backslashes, colons and control characters"),
        ("{stem}\n{label}", "backslashes, colons and control characters"),
        ("{stem}_{label}/", "it has an empty name"),
        ("a//{stem}_{label}", "it has an empty name"),
        ("", "it has an empty name"),
        ("{stem}_{label}.png", "--image_format adds"),
        ("{label}", "it gives all results the same names: it needs {stem} or {index}"),
        ("{folder}/{label}", "it needs {stem} or {index}"),
        ("{stem}_{label}" + "x" * 200, "it is longer than 200 characters"),
    ],
)
def test_a_template_that_cannot_name_results_is_one_sentence(template: str, sentence: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        resolved("--output_template", template)
    assert sentence in refused.value.message
    assert refused.value.message.count("\n") == 0
    assert refused.value.exit_code == 2


def test_without_a_label_one_image_must_be_chosen() -> None:
    with pytest.raises(OptionError, match=r"the same name: add .label., or choose one image with --visuals") as refused:
        resolved("--output_template", "{stem}")
    assert refused.value.exit_code == 2
    with pytest.raises(OptionError, match=r"add .label."):
        resolved("--output_template", "{stem}", "--visuals", "fake_B", "--visuals", "real_B")
    assert resolved("--output_template", "{stem}", "--visuals", "fake_B") == "{stem}"


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from([*(f"{{{field}}}" for field in FIELDS), "/", ".", "_"])).map("".join)
)
def test_any_text_is_a_template_or_refused_in_a_sentence(template: str) -> None:
    try:
        require_template(template)
    except ValueError:
        return
    assert all(field in ("", *FIELDS) for _, field in template_parts(template))
    require_label(template, ("fake_B",))
