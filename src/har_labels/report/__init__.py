"""From the outcomes of a run to exit code, outputs, JSON, Markdown and diff (contract §4). Pure.

Its face: `outputs.outputs_of`, `outputs.exit_code_of`, `summary.markdown`, `summary.text_diff`.
"""
