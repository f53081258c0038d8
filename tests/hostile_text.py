"""Text that somebody might put into a label, a name or a server's message to have an effect: for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = (
    "::error::x", "::set-output name=a::b", "::stop-commands::t", " ::warning::", "##[error]", "##[group]", "##[", "::", ":",
    "a", "stage=prod", "<", ">", "&", "&lt;", "&#64;", "|", "\\|", "\\", "`", "``", "```", " ", "  ", "\n", "\r", "\r\n", "\t",
    "\x1b[31m", "\x00", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\xa0",
    "@octocat", "#123", "GH-1", "www.example.com", "https://example.com", "me@example.com", "mailto:a@b.c", "[a](b)", "![a](b)",
    "<details>", "</code>", "<script>", "<!--", "-->", "**", "_", "~~", "* ", "# ", "- ", "1. ", ":smile:", "deadbeef", "0123456",
    "$", "${A}", "$(id)", "#", "'", '"', "=", "<<EOF", "EOF", "<+pipeline.name>", "__B64__", "%0A", "%", "é", "😀", "中", "\ud800",
    "\ufdd0", "\ufdd1", "\ufdd0mode\ufdd1", "pat.a.b.c", "=", ",", "[", "]", "{", "}", "{{ x }}", ";",
)  # fmt: skip

hostile_texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=2)), max_size=8).map("".join)
# As a JSON answer can hold them and UTF-8 can't.
encodable_texts = hostile_texts.map(lambda text: text.encode("utf-8", "replace").decode())
