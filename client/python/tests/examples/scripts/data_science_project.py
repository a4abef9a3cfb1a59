import json
import math
import random

import lakefs
import pandas as pd

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()
REPO_NAME = "weather"
repo = lakefs.Repository(REPO_NAME, fs.client).create(storage_namespace=f"local://{REPO_NAME}", exist_ok=True)


def download(year: int) -> str:
    """Writes generated hourly weather data of a year to a file. Returns its name."""
    dice = random.Random(year)  # noqa: S311  (weather, not a key)
    hours = pd.date_range(f"{year}-01-01", periods=24 * 60, freq="h")
    cloud = [50 + 50 * math.sin(number / 31) for number in range(len(hours))]
    hourly = {
        "time": [hour.isoformat() for hour in hours],
        "temperature_2m": [round(10 + 5 * math.sin(number / 24) + dice.random(), 1) for number in range(len(hours))],
        "cloudcover": [round(share, 1) for share in cloud],
        "rain": [round(max(0.0, (share - 70) / 10 + dice.random() - 0.5), 1) for share in cloud],
    }
    name = f"weather-{year}.json"
    with open(name, "w") as file:
        json.dump({"hourly": hourly}, file)
    return name


def transform(path: str) -> pd.DataFrame:
    with open(path) as file:
        df = pd.DataFrame.from_dict(json.load(file)["hourly"])
    df["time"] = pd.to_datetime(df["time"])
    df["is_raining"] = df["rain"] > 0
    df["is_raining_in_1_day"] = df["is_raining"].shift(24).fillna(False).astype(bool)
    return df.dropna()


def split(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    train = table.sample(frac=0.75, random_state=7)
    return train, table.drop(train.index)


class Stump:
    """A decision tree with a single decision, which is sufficient here."""

    def fit(self, x: pd.DataFrame, y: pd.Series) -> None:
        right = {
            (name, at): ((x[name] > at) == y).mean()
            for name in x.columns
            for at in x[name].astype(float).quantile([0.25, 0.5, 0.75])
        }
        self.name, self.at = max(right, key=lambda which: right[which])

    def score(self, x: pd.DataFrame, y: pd.Series) -> float:
        return float(((x[self.name] > self.at) == y).mean())


outfile = download(2010)

NEW_BRANCH = lakefs.Branch(REPO_NAME, "transform-raw-data", client=fs.client)
NEW_BRANCH.create("main")

with fs.transaction(REPO_NAME, NEW_BRANCH) as tx:
    fs.put(outfile, f"{REPO_NAME}/{tx.branch.id}/weather-2010.json")
    tx.commit(message="Add 2010 weather data")

assert repo.branch("transform-raw-data").object("weather-2010.json").exists()
assert not repo.branch("main").object("weather-2010.json").exists()

df = transform(outfile)
with fs.transaction(REPO_NAME, "main") as tx:
    df.to_csv(f"lakefs://{REPO_NAME}/{tx.branch.id}/weather_2010.csv")
    tx.commit(message="Update weather data")

train, test = split(df.drop("time", axis=1))

TRAINING_BRANCH = lakefs.Branch(REPO_NAME, "training", client=fs.client)
TRAINING_BRANCH.create("main")

with fs.transaction(REPO_NAME, TRAINING_BRANCH) as tx:
    train.to_csv(f"lakefs://{REPO_NAME}/{tx.branch.id}/train_weather.csv")
    test.to_csv(f"lakefs://{REPO_NAME}/{tx.branch.id}/test_weather.csv")
    tx.commit(message="Add train-test split of 2010 weather data")

dependent_variable = "is_raining_in_1_day"
model = Stump()
model.fit(train.drop(dependent_variable, axis=1), train[dependent_variable])
first = model.score(test.drop(dependent_variable, axis=1), test[dependent_variable])

new_data = transform(download(2020))
with fs.transaction(REPO_NAME, "main") as tx:
    new_data.to_csv(f"lakefs://{REPO_NAME}/{tx.branch.id}/weather_2020.csv")
    tx.commit(message="Add 2020 weather data")

full_data = pd.concat([new_data.drop("time", axis=1), train, test]).reset_index(drop=True)
train_df, test_df = split(full_data)

with fs.transaction(REPO_NAME, TRAINING_BRANCH) as tx:
    train_df.to_csv(f"lakefs://{REPO_NAME}/{tx.branch.id}/train_weather.csv")
    test_df.to_csv(f"lakefs://{REPO_NAME}/{tx.branch.id}/test_weather.csv")
    tx.commit(message="Add train-test split of 2010 and 2020 data")

# The previous commit. A transaction creates a merge, whose first parent is the previous head of the branch.
previous_commit = repo.ref(f"{TRAINING_BRANCH.id}~").get_commit()
fixed_commit_id = previous_commit.id

orig_train = pd.read_csv(f"lakefs://{REPO_NAME}/{fixed_commit_id}/train_weather.csv", index_col=0)
orig_test = pd.read_csv(f"lakefs://{REPO_NAME}/{fixed_commit_id}/test_weather.csv", index_col=0)
assert train.equals(orig_train)
assert test.equals(orig_test)
model.fit(orig_train.drop(dependent_variable, axis=1), orig_train[dependent_variable])
assert model.score(orig_test.drop(dependent_variable, axis=1), orig_test[dependent_variable]) == first

with fs.transaction(REPO_NAME, "main") as tx:
    tag = tx.tag(fixed_commit_id, name="train-test-split-2010")

train_from_commit = pd.read_csv(f"lakefs://{REPO_NAME}/{fixed_commit_id}/train_weather.csv", index_col=0)
train_from_tag = pd.read_csv(f"lakefs://{REPO_NAME}/{tag.id}/train_weather.csv", index_col=0)
assert train_from_commit.equals(train_from_tag)

for t in repo.tags():
    t.delete()
for b in repo.branches():
    if b.id != "main":
        b.delete()
assert [branch.id for branch in repo.branches()] == ["main"]
