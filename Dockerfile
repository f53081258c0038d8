# The image of the GitHub Action, of the Harness and Drone plugin, and for `docker run`: /opt/har-labels, and those parts of a
# Python base that a run needs.
# A base must be Debian and have `python3`, 3.11 or later, with venv: python:slim does, Debian with python3-venv and
# ca-certificates too. A release names it by digest (--build-arg BASE=python@sha256:...).
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
SHELL ["/bin/sh", "-euc"]
WORKDIR /opt/har-labels

# pip runs in a venv that is not part of the image. The locked packages go to src, where our own package is added.
COPY requirements/runtime.txt /tmp/
RUN python3 -m venv /tmp/pip; \
    /tmp/pip/bin/pip install --no-cache-dir --no-compile --require-hashes --no-deps --target src --requirement /tmp/runtime.txt

# Removed, because no run uses it: commands, tests, type stubs, pydantic's copy of its version 1 and its mypy plugin,
# parts of tqdm and urllib3 for other programs and platforms, the compiled half of charset_normalizer (we never guess an
# encoding; its Python half stays), and pip's own files. METADATA and licences stay, for scanners and for readers.
RUN rm -rf src/bin src/tests src/*/tests src/pydantic/v1 src/pydantic/mypy.py src/charset_normalizer/*.so \
      src/tqdm/contrib src/tqdm/tk.py src/urllib3/contrib/emscripten src/urllib3/contrib/pyopenssl.py; \
    find src -name '*.pyi' -delete; \
    find src/*.dist-info '(' -name RECORD -o -name REQUESTED -o -name INSTALLER -o -name WHEEL ')' -delete

# The imports of these sources determine which parts of the base are needed; they go to /rootfs, which becomes the image.
COPY LICENSE entrypoint ./
COPY src/har_labels src/har_labels
COPY tools/rootfs /tmp/
RUN python3 /tmp/rootfs /rootfs src

# The image has only the byte code of the dependencies, without docstrings: the lock file names every source by its hash. The
# two under the MPL keep their sources, as it requires. Our package keeps them too, so that users can read the code that ran.
RUN python3 -m compileall -q -b -o 2 -x '/(certifi|tqdm|har_labels)/' src; \
    find src -name '*.py' ! -path 'src/certifi/*' ! -path 'src/tqdm/*' ! -path 'src/har_labels/*' -delete; \
    python3 -m compileall -q --invalidation-mode unchecked-hash src; \
    # this base's own Python, so that no PATH of a job can give it another
    sed -i "1s|/usr/bin/env -S python3|$(command -v python3)|" entrypoint; \
    # any uid may run it, whatever the umask of the checkout
    chmod -R a+rX,go-w .; \
    mkdir /rootfs/opt; \
    cp -a /opt/har-labels /rootfs/opt/

# Imports all of it inside the new root: the first test of the image.
RUN ["chroot", "/rootfs", "python3", "-IBXutf8", "-c", "import sys, pkgutil; sys.path.insert(0, '/opt/har-labels/src'); \
      import actions_toolkit.core, jinja2, ruamel.yaml, tqdm, har_labels; \
      [__import__(module.name) for module in pkgutil.walk_packages(har_labels.__path__, 'har_labels.')]"]

FROM scratch
COPY --from=build /rootfs/ /

ARG SOURCE=""
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="har-labels" \
      org.opencontainers.image.description="Changes the labels of artifacts in a Harness Artifact Registry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# GitHub's runner on Kubernetes finds the commands that it runs in here by PATH.
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# No USER and no WORKDIR: the CI owns the workspace and sets the working directory. No shell: it would lose INPUT_REGISTRY-REF.
ENTRYPOINT ["/opt/har-labels/entrypoint"]
