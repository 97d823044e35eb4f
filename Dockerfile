# Two images from one file:
#   docker build -t ml-exporter .                            the exporter alone
#   docker build -t ml-exporter-demo --target demo .         with the demo: what docker-compose.yml replays flights with
ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS wheels
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE CHANGELOG.md ./
COPY exporter exporter
RUN pip wheel --no-cache-dir --disable-pip-version-check --constraint constraints.txt --wheel-dir /wheels ".[gpu,postgres]"

FROM wheels AS demo-wheels
RUN pip wheel --no-cache-dir --disable-pip-version-check --constraint constraints.txt --find-links /wheels --wheel-dir /demo-wheels ".[demo]"

FROM python:${PYTHON} AS base
# Paths that a container may write to: /var/lib/ml-exporter (state) and /tmp; all else works read-only.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/ml-exporter --shell /usr/sbin/nologin ml-exporter \
    && install --directory --owner 10001 --group 10001 --mode 0750 /var/lib/ml-exporter
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/ml-exporter
# Any answer below 500 is a sign of life: with basic auth it is 401. With TLS or another port, give `docker run` its own.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 9877, timeout=4); c.request('GET', '/-/healthy'); raise SystemExit(c.getresponse().status >= 500)"]

# The dashboards as the demo wants them: its windows, the last 15 minutes. Their generator stays behind.
FROM python:${PYTHON} AS demo-dashboards
WORKDIR /source
COPY constraints.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt grafana-foundation-sdk
COPY grafana grafana
RUN python -m grafana.source --write --demo --out /dashboards

FROM base AS demo
RUN --mount=type=bind,from=demo-wheels,source=/demo-wheels,target=/wheels \
    pip install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels "ml-exporter[demo]"
COPY exporter /app/exporter
COPY bundle /app/bundle
COPY demo /app/demo
COPY prometheus /app/prometheus
COPY alertmanager /app/alertmanager
COPY grafana/provisioning /app/grafana/provisioning
COPY --from=demo-dashboards /dashboards /app/grafana/dashboards
COPY deploy/compose /app/deploy/compose
# A new volume mounted here belongs to this user.
RUN install --directory --owner 10001 --group 10001 /demo
ENV PYTHONPATH=/app
WORKDIR /app
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["python"]
CMD ["-m", "demo", "--help"]

# The last stage is what `docker build .` makes.
FROM base AS exporter
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels "ml-exporter[gpu,postgres]" \
    && install --directory --owner 10001 --group 10001 /demo
USER 10001:10001
EXPOSE 9877
VOLUME /var/lib/ml-exporter
# In a container the exporter must listen on more than loopback: server: {listen: ":9877"} in its configuration.
ENTRYPOINT ["ml-exporter"]
CMD ["run", "--config", "/etc/ml-exporter/ml-exporter.yml"]
