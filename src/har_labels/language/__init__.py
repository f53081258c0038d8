"""The language of templates and `require`, behind rules.py: from source to a value, within bounds (contract §3).

syntax makes Jinja2's tree of a source; expressions holds that to an allow-list and turns it into functions of
evaluation; filters and values are what these work with, scope is all they can see. Nothing is imported here, so that
labels without a placeholder never load any of it.
"""
