"""Route a column of a Spark table: arrow batches in, arrow batches out, one router a partition.

Run it: pip install pyspark "pandas<3"; python docs/recipes/spark_map_in_arrow.py
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from router import Router

SCHEMA = "text string, action string, skills array<string>, question string, confidence float"


def route_column(table: DataFrame, column: str = "text", pack: str | None = None) -> DataFrame:
    """Route every row of a column, and give it with its decision."""

    def routed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        router = Router.load(pack)  # the fitted model that `router warmup` leaves on each node
        for batch in batches:
            texts = batch.column(column)
            decisions = router.route_arrow(texts.to_pylist())
            kept = decisions.select(["action", "skills", "question", "confidence"])
            yield from kept.add_column(0, "text", texts).to_batches()

    return table.select(column).mapInArrow(routed, SCHEMA)


def main() -> None:
    """Route two rows."""
    spark = SparkSession.builder.master("local[1]").getOrCreate()
    rows = [("quantize bert to int8",), ("my model is slow",)]
    route_column(spark.createDataFrame(rows, "text string")).show(truncate=False)
    spark.stop()


if __name__ == "__main__":
    main()
