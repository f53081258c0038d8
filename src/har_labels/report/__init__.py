"""Turns the result of a run into a verdict, outputs, JSON, Markdown and a diff (contract §4). Pure.

Its face: `verdict.verdict_of`, `outputs.outputs_of`, `summary.summary_of`, `summary.text_diff`.
"""
