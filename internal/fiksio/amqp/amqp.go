// Package amqp is Fiks IO's own AMQP 0-9-1 listener: the part of RabbitMQ that
// the released Fiks IO clients use (Fiks IO wire contract §6), inside the
// process and without a queue of its own. What a message is, who may read it,
// when it expires and when it has failed too often is decided by a [Backend];
// this package is the protocol and the dispatch.
//
// How a message moves:
//
//	backend ──Ready──▶ queue (a page in memory) ──▶ channel (unacked) ──▶ outbox ──▶ socket
//	backend ◀─Ack/Requeue/Reject── settler ◀── channel ◀── reader ◀── socket
//
// Each connection has two goroutines: one reads and handles methods, one
// writes. Each queue with consumers has one that dispatches. One settler per
// listener hands settled messages to the backend in batches: what arrives while
// one commit runs goes into the next.
//
// Locks are taken in the order queue.mu, channel.mu, outbox.mu.
//
// Where it differs from RabbitMQ on purpose:
//   - Clients may not declare, bind, purge, delete or publish (403), unless the
//     backend is a [Publisher], and then only publish to queues by name.
//   - A passive queue.declare needs the right to consume (RabbitMQ tells anybody
//     how many messages wait).
//   - channel.flow active=false stops deliveries (RabbitMQ answers 540).
//   - tx.* is answered 540 NOT_IMPLEMENTED.
//   - Settlements that arrive after connection.close 320 are still honoured, and
//     channel.close-ok and connection.close-ok are sent when all earlier acks are
//     durable, so a client that closes in order gets nothing twice.
//   - When the server itself ends a connection for its own reasons (shutdown, 320,
//     541), what was unacked comes again with redelivered=true but no attempt is
//     counted.
//   - Consumers with no-ack are served as RabbitMQ does: the message is settled
//     when it is handed to the connection, so it may be lost with it. That is the
//     client's explicit choice; the released clients never make it.
package amqp

import "fmt"

// Reply codes of AMQP 0-9-1 that the listener uses.
const (
	codeNoRoute            = 312
	codeForced             = 320
	codeAccessRefused      = 403
	codeNotFound           = 404
	codePreconditionFailed = 406
	codeFrameError         = 501
	codeSyntaxError        = 502
	codeCommandInvalid     = 503
	codeChannelError       = 504
	codeUnexpectedFrame    = 505
	codeNotAllowed         = 530
	codeNotImplemented     = 540
	codeInternalError      = 541
)

var codeNames = map[uint16]string{
	codeNoRoute: "NO_ROUTE", codeForced: "CONNECTION_FORCED",
	codeAccessRefused: "ACCESS_REFUSED", codeNotFound: "NOT_FOUND",
	codePreconditionFailed: "PRECONDITION_FAILED", codeFrameError: "FRAME_ERROR",
	codeSyntaxError: "SYNTAX_ERROR", codeCommandInvalid: "COMMAND_INVALID",
	codeChannelError: "CHANNEL_ERROR", codeUnexpectedFrame: "UNEXPECTED_FRAME",
	codeNotAllowed: "NOT_ALLOWED", codeNotImplemented: "NOT_IMPLEMENTED",
	codeInternalError: "INTERNAL_ERROR",
}

// protocolError is a fault that is told to the client, by channel.close for
// the soft codes (403, 404, 406) and by connection.close for the others.
type protocolError struct {
	code uint16
	text string // without the name that precedes it on the wire
}

func fault(code uint16, format string, args ...any) *protocolError {
	return &protocolError{code: code, text: fmt.Sprintf(format, args...)}
}

// Error is the reply text as it stands on the wire.
func (e *protocolError) Error() string { return codeNames[e.code] + " - " + e.text }

// soft tells whether only the channel closes.
func (e *protocolError) soft() bool {
	return e.code == codeAccessRefused || e.code == codeNotFound || e.code == codePreconditionFailed
}
