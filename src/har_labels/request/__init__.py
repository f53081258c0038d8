"""From the inputs, and the files that they name, to entries: which labels are set on which artifacts.

Hides manifests, policies, plan files, metrics files and the rendering of labels (contract §3, §6).
Its face: `build.entries_of`, `build.read_steps`, `entry.Entry`, `plan_file.plan_lines`, `lint.lint`.
"""
