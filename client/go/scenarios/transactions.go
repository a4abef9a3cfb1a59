package scenarios

import (
	"context"
	"strings"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

func (o *operations) transactionOperations() map[string]operation {
	return map[string]operation{
		"begin":             o.begin,
		"commit":            o.commit,
		"validate":          o.validate,
		"rollback":          o.rollback,
		"get_transaction":   o.getTransaction,
		"keep_alive":        o.keepAlive,
		"list_transactions": o.listTransactions,
		"changes":           o.changes,
		"watch":             o.watch,
		"transaction":       o.transaction,
	}
}

func (o *operations) begin(ctx context.Context, step fields) (fields, error) {
	tx, err := o.client.Begin(ctx, o.runner.sandbox.Repository, textOr(step, "base", "main"), beginOptions(step))
	if err != nil {
		return nil, err
	}
	return transaction(tx.Info()), nil
}

func beginOptions(step fields) *lakeport.BeginOptions {
	return &lakeport.BeginOptions{
		TransactionID: text(step, "id"),
		IdleTimeout:   milliseconds(step, "idle_timeout_ms"),
		Lifetime:      milliseconds(step, "lifetime_ms"),
		ReadOnly:      flag(step, "read_only"),
		Labels:        textMap(step, "labels"),
	}
}

func (o *operations) commit(ctx context.Context, step fields) (fields, error) {
	options := &lakeport.CommitOptions{
		Message:   text(step, "message"),
		Metadata:  textMap(step, "metadata"),
		Tags:      texts(step, "tags"),
		Strategy:  strategy(step),
		Squash:    flag(step, "squash"),
		SkipMerge: flag(step, "skip_merge"),
	}
	if _, found := step["if_epoch"]; found {
		options.IfEpoch = new(int64(number(step, "if_epoch")))
	}
	info, err := o.handle(text(step, "tx")).Commit(ctx, options)
	return described(info, err, transaction)
}

func (o *operations) validate(ctx context.Context, step fields) (fields, error) {
	return nil, o.handle(text(step, "tx")).Validate(ctx, nil)
}

func (o *operations) rollback(ctx context.Context, step fields) (fields, error) {
	info, err := o.handle(text(step, "tx")).Rollback(ctx)
	return described(info, err, transaction)
}

func (o *operations) getTransaction(ctx context.Context, step fields) (fields, error) {
	tx, err := o.client.Transaction(ctx, text(step, "tx"))
	if err != nil {
		return nil, err
	}
	return transaction(tx.Info()), nil
}

func (o *operations) keepAlive(ctx context.Context, step fields) (fields, error) {
	info, err := o.handle(text(step, "tx")).KeepAlive(ctx)
	return described(info, err, transaction)
}

func (o *operations) listTransactions(ctx context.Context, step fields) (fields, error) {
	options := &lakeport.ListTransactionsOptions{Repository: o.runner.sandbox.Repository, Labels: textMap(step, "labels")}
	for _, name := range texts(step, "states") {
		state := lakeportv1.TransactionState_value["TRANSACTION_STATE_"+name]
		options.States = append(options.States, lakeportv1.TransactionState(state))
	}
	found := o.client.Transactions(ctx, options)
	return collected("ids", found, func(info *lakeport.TransactionInfo) any { return info.TransactionId })
}

func (o *operations) changes(ctx context.Context, step fields) (fields, error) {
	return changes(o.handle(text(step, "tx")).Changes(ctx, text(step, "prefix")))
}

func (o *operations) watch(ctx context.Context, step fields) (fields, error) {
	var states []string
	for update, err := range o.handle(text(step, "tx")).Watch(ctx) {
		if err != nil {
			return nil, err
		}
		isFirst := len(states) == 0
		if state := stateName(update.Transaction); isFirst || states[len(states)-1] != state {
			states = append(states, state)
		}
		if isFirst {
			if err := o.runner.steps(ctx, listOf[fields](step["steps"])); err != nil {
				return nil, err
			}
		}
	}
	return fields{"states": list(states)}, nil
}

func (o *operations) transaction(ctx context.Context, step fields) (fields, error) {
	work := func(ctx context.Context, tx *lakeport.Transaction) error {
		o.runner.variables["tx"] = tx.ID()
		if err := o.runner.steps(ctx, listOf[fields](step["steps"])); err != nil {
			return err
		}
		if message, found := step["raises"].(string); found {
			return raisedError(message)
		}
		return nil
	}
	commit := &lakeport.CommitOptions{Message: text(step, "message")}
	base := textOr(step, "base", "main")
	info, err := o.client.WithTransaction(ctx, o.runner.sandbox.Repository, base, work, beginOptions(step), commit)
	return described(info, err, transaction)
}

// transaction returns the state of a transaction.
func transaction(info *lakeport.TransactionInfo) fields {
	return fields{
		"id":             info.GetTransactionId(),
		"state":          stateName(info),
		"merged":         info.GetMerged(),
		"commit_id":      info.GetCommitId(),
		"base_commit_id": info.GetBaseCommitId(),
		"failed_tags":    list(info.GetFailedTags()),
		"labels":         textFields(info.GetLabels()),
	}
}

func stateName(info *lakeport.TransactionInfo) string {
	return strings.TrimPrefix(info.GetState().String(), "TRANSACTION_STATE_")
}
