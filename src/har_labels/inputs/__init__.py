"""What was given: environment and command line to checked settings, all problems at once (contract §2).

Hides where each input's text comes from, how its reader spells it, and what it may hold.
Its face: `configure.configure`, `settings.Settings`.
"""
