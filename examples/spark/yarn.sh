#!/bin/sh
# Submits the job to YARN. The Python of driver and executors, with the package in it, travels as an archive:
#
#   python -m venv environment && environment/bin/pip install 'driftmeter[spark]' venv-pack
#   environment/bin/venv-pack -p environment -o environment.tar.gz
set -eu

export PYSPARK_PYTHON=./environment/bin/python
spark-submit \
    --master yarn \
    --deploy-mode cluster \
    --name credit-drift \
    --archives environment.tar.gz#environment \
    --packages org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.1 \
    --conf spark.yarn.appMasterEnv.PYSPARK_PYTHON=./environment/bin/python \
    --conf spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python \
    --conf spark.executor.instances=2 \
    --conf spark.executor.cores=2 \
    --conf spark.executor.memory=1g \
    --conf spark.executor.memoryOverhead=1g \
    --conf spark.sql.shuffle.partitions=4 \
    drift_stream.py \
    --server http://driftmeter:8001 --model credit --brokers kafka:9092 --topic credit.rows \
    --schema "age INT, income DOUBLE, city STRING, at TIMESTAMP" --time at --checkpoint hdfs:///jobs/credit
