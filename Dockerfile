# The local world in one container: a real broker, Spark, Delta, Airflow and PostgreSQL. How to run it: docs/how-to/container.md
# Another base needs Debian 12's packages and python3.12 on its PATH.
ARG BASE=python:3.12.11-slim-bookworm

FROM ${BASE} AS built
ENV DEBIAN_FRONTEND=noninteractive UV_LINK_MODE=copy
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless=17.* maven=3.8.* \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/pinpipe
# What takes minutes depends on these files alone.
COPY pyproject.toml README.md Makefile ./
COPY locks locks
COPY local local
COPY pinpipe_cli pinpipe_cli
COPY include include
COPY spark_jobs spark_jobs
RUN local/install.sh && rm -rf .tools/uv /root/.m2 /root/.cache
COPY emulator emulator
COPY plugins plugins
COPY dags dags
# Nobody may write here later, so what Python would keep is made now.
RUN .venv/bin/python -m compileall -q dags emulator include local pinpipe_cli plugins spark_jobs

FROM ${BASE}
ENV DEBIAN_FRONTEND=noninteractive
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless=17.* tini=0.19.* \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home pinpipe \
    && install --directory --owner=pinpipe --group=pinpipe --mode=700 /var/lib/pinpipe
COPY --from=built /opt/pinpipe /opt/pinpipe
WORKDIR /opt/pinpipe
ENV PATH=/opt/pinpipe/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PINPIPE_HOME=/var/lib/pinpipe/world \
    PINPIPE_BIND=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1
USER 1000
VOLUME /var/lib/pinpipe
EXPOSE 8080
# The first start migrates Airflow's database.
HEALTHCHECK --interval=30s --timeout=20s --start-period=4m --retries=3 CMD ["pinpipe", "status", "--json"]
ENTRYPOINT ["tini", "--", "pinpipe"]
CMD ["up", "--foreground"]
