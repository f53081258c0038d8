"""The language of label templates, `require` and `where`: Jinja2's grammar, held to bounds of work and memory (contract §3).

Hides parsing and evaluation: syntax makes Jinja2's tree of a source, expressions holds that to an allow-list and turns it
into functions of evaluation; filters and values are what these work with, scope is all they can see. Nothing is imported
here, so that labels without a placeholder never load any of it. Pure.
Its face: `template.Template`, `template.Requirement`, `scope.Scope`.
"""
