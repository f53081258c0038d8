# The image of the GitHub Action, of the Harness and Drone plugin, and for `docker run`: a Python base plus /opt/har-labels.
# A base must have `python3`, 3.11 or later, with venv: python:slim has, Debian with python3-venv too. A release names it
# by digest (--build-arg BASE=python@sha256:...).
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
SHELL ["/bin/sh", "-euc"]
WORKDIR /opt/har-labels

# pip works from a venv that stays behind here. The locked files go to src, where our own package joins them.
COPY requirements/runtime.txt /tmp/
RUN python3 -m venv /tmp/pip; \
    /tmp/pip/bin/pip install --no-cache-dir --no-compile --require-hashes --no-deps --target src --requirement /tmp/runtime.txt

# Taken out, because no run uses it: commands, tests, type stubs, pydantic's copy of its version 1 and its mypy plugin,
# the compiled half of charset_normalizer (we never guess an encoding; its Python half stays), and pip's own notes.
# METADATA and licences stay, for scanners and for readers.
RUN rm -rf src/bin src/tests src/*/tests src/pydantic/v1 src/pydantic/mypy.py src/charset_normalizer/*.so; \
    find src -name '*.pyi' -delete; \
    find src/*.dist-info '(' -name RECORD -o -name REQUESTED -o -name INSTALLER -o -name WHEEL ')' -delete

COPY LICENSE entrypoint ./
COPY src/har_labels src/har_labels

# Byte code that is used without a look at its source: nothing is compiled and nothing is written when a step runs.
# The entrypoint gets this base's own Python, so that no PATH of a job can give it another. The modes serve any uid,
# whatever the umask of the checkout. The last line is the first test of the image.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash src; \
    sed -i "1s|/usr/bin/env -S python3|$(command -v python3)|" entrypoint; \
    chmod -R a+rX,go-w .; \
    ./entrypoint --version

FROM ${BASE}
COPY --from=build /opt/har-labels /opt/har-labels

ARG SOURCE=""
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="har-labels" \
      org.opencontainers.image.description="Changes the labels of artifacts in a Harness Artifact Registry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# No USER and no WORKDIR: the CI owns the workspace and says where to stand. No shell: it would lose INPUT_REGISTRY-REF.
ENTRYPOINT ["/opt/har-labels/entrypoint"]
