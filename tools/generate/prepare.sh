#!/usr/bin/env bash
# The first step of the composite action, without these lines; `make docs` writes it into composite/action.yml.
# The runner starts it with -eo pipefail in the job's workspace, from which nothing may be run. It must work in bash 3.2 (macOS).

# A relative folder on PATH is in the workspace. The first is not a folder, so that PATH is never empty: that means the workspace too.
absolute=/dev/null
while IFS= read -r -d : folder; do
  case "$folder" in /*) absolute="$absolute:$folder" ;; esac
done <<<"$PATH:"
PATH="$absolute"

lock="$GITHUB_ACTION_PATH/../requirements/runtime.txt"
venv="$RUNNER_TEMP/har-labels-$(cksum <"$lock" | cut -d ' ' -f 1)"
# An earlier step may have created it. In a temporary folder of several users it must be ours; Windows has no such owner.
if [ -O "$venv/ready" ] || { [ -f "$venv/ready" ] && [ "$RUNNER_OS" = Windows ]; }; then
  for python in "$venv/bin/python" "$venv/Scripts/python.exe"; do
    if "$python" -I -c '' 2>/dev/null; then
      echo "python=$python" >>"$GITHUB_OUTPUT"
      exit
    fi
  done
fi

tools="$RUNNER_TOOL_CACHE"
if [ -n "$tools" ] && [ "$RUNNER_OS" = Windows ]; then tools="$(cygpath --unix "$tools")"; fi
candidates() {
  for name in python3 python python3.14 python3.13 python3.12 python3.11; do type -P "$name" || true; done
  for minor in 14 13 12 11; do
    for found in "$tools/Python/3.$minor."*/*/bin/python3 "$tools/Python/3.$minor."*/*/python.exe; do
      if [ -n "$tools" ] && [ -x "$found" ]; then echo "$found"; fi
    done
  done
}
# This runs on every Python 3. On some Windows `python3` opens the store instead and prints nothing.
probe='import sys, sysconfig
name = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}.get(sys.implementation.name, sys.implementation.name)
if sysconfig.get_config_var("Py_GIL_DISABLED"): name = "free-threaded " + name
print("good" if name == "CPython" and sys.version_info >= (3, 11) else "%s %d.%d" % ((name,) + sys.version_info[:2]))'
refused=""
while IFS= read -r python; do
  reply="$("$python" -ISc "$probe" </dev/null 2>/dev/null)" || reply=""
  case "$reply" in
    good*) exec "$python" -ISB "$GITHUB_ACTION_PATH/prepare.py" "$python" "$venv" "$GITHUB_OUTPUT" ;;
    ?*) refused="$refused, $python is ${reply%%[[:cntrl:]]*}" ;;
  esac
done <<<"$(candidates)"
if [ -n "$refused" ]; then needed="CPython 3.11 or newer, not free-threaded (${refused#, })"; else needed="Python 3.11 or newer"; fi
echo "::error::har-labels needs $needed; put actions/setup-python before this step"
exit 1
