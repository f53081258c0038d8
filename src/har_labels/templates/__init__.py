"""The language of label templates, `require` and `where`: Jinja2's grammar, with limits on work and memory (contract §3).

Hides parsing and evaluation: `parser` makes Jinja2's syntax tree, `compiler` holds it to an allow-list and turns it into
closures; these call `filters` and `values`, and can read only `scope`. Nothing is imported here, so that
labels without a placeholder load none of it. Pure.
Its face: `template.Template`, `template.Requirement`, `scope.Scope`.
"""
