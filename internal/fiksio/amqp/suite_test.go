package amqp_test

import (
	"testing"

	"knutepunkt/internal/fiksio/amqp/amqptest"
)

// TestOwn and TestRabbitMQ play the same scenarios with the same expectations,
// apart from the differences that the scenarios themselves declare.
func TestOwn(t *testing.T) {
	t.Parallel()
	env, _, _ := amqptest.StartOwn(t, nil)
	amqptest.Run(t, env)
}

func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	env, _ := amqptest.StartRabbitMQ(t)
	amqptest.Run(t, env)
}
