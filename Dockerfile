# Three images: metric-server, model-server and locust. requirements.lock gives the versions and hashes: uv installs the
# packages of each image at these versions, and refuses a file with another hash.

# UV_NO_SOURCES: the extras name the package itself, whose source is not copied yet.
FROM python:3.12.11-slim-bookworm AS server-packages
ENV UV_NO_CACHE=1 \
    UV_NO_SOURCES=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_PYTHON_DOWNLOADS=never \
    VIRTUAL_ENV=/opt/driftmeter
RUN pip install --no-cache-dir uv==0.13.9 && uv venv /opt/driftmeter
WORKDIR /build
COPY pyproject.toml requirements.lock ./
RUN uv pip install --verify-hashes --constraints requirements.lock --requirements pyproject.toml --extra server

FROM server-packages AS redis-packages
RUN uv pip install --verify-hashes --constraints requirements.lock --requirements pyproject.toml --extra redis

FROM server-packages AS demo-packages
RUN uv pip install --verify-hashes --constraints requirements.lock --requirements pyproject.toml --extra demo

FROM demo-packages AS locust-packages
RUN uv pip install --verify-hashes --constraints requirements.lock locust

FROM server-packages AS wheel
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY README.md LICENSE setup.py ./
COPY src src
RUN uv build --wheel --out-dir /wheel

# The package is installed last, so that a changed source file does not reinstall its dependencies.
FROM redis-packages AS metric-server-files
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel uv pip install --no-deps /wheel/*.whl

FROM demo-packages AS model-server-files
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel uv pip install --no-deps /wheel/*.whl

FROM locust-packages AS locust-files
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel uv pip install --no-deps /wheel/*.whl

FROM python:3.12.11-slim-bookworm AS runtime
# Each process is one replica of many, so its numeric libraries must not start threads.
ENV PATH=/opt/driftmeter/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
# A named volume takes over the owner of /data when it is first mounted there.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin driftmeter \
    && install --directory --owner=driftmeter --group=driftmeter /data
WORKDIR /data
USER 10001

FROM runtime AS locust
COPY --from=locust-files /opt/driftmeter /opt/driftmeter
COPY locustfile.py /opt/driftmeter/locustfile.py
EXPOSE 8089
CMD ["locust", "--locustfile", "/opt/driftmeter/locustfile.py"]

FROM runtime AS model-server
COPY --from=model-server-files /opt/driftmeter /opt/driftmeter
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["python", "-m", "driftmeter.demo.model_server", "--host", "0.0.0.0", "--port", "8000"]

FROM runtime AS metric-server
COPY --from=metric-server-files /opt/driftmeter /opt/driftmeter
EXPOSE 8001
VOLUME /data
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8001, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["driftmeter", "serve", "--store", "sqlite:////data/driftmeter.sqlite", "--host", "0.0.0.0", "--port", "8001"]
