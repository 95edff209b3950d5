#!/bin/sh
# Submits the job to a cluster of Kubernetes. The image is Spark's own with Python, and the package:
#
#   FROM apache/spark:4.0.1-python3
#   RUN pip install 'driftmeter[spark]'
#   COPY drift_stream.py /opt/jobs/
set -eu

spark-submit \
    --master k8s://https://kubernetes.default.svc \
    --deploy-mode cluster \
    --name credit-drift \
    --packages org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.1 \
    --conf spark.kubernetes.namespace=ml \
    --conf spark.kubernetes.container.image=registry.example/credit-drift:1 \
    --conf spark.kubernetes.authenticate.driver.serviceAccountName=spark \
    --conf spark.executor.instances=2 \
    --conf spark.executor.cores=2 \
    --conf spark.executor.memory=1g \
    --conf spark.executor.memoryOverhead=1g \
    --conf spark.sql.shuffle.partitions=4 \
    local:///opt/jobs/drift_stream.py \
    --server http://driftmeter:8001 --model credit --brokers kafka:9092 --topic credit.rows \
    --schema "age INT, income DOUBLE, city STRING, at TIMESTAMP" --time at --checkpoint s3a://jobs/credit
