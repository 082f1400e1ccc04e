package amqp

import (
	"encoding/binary"
	"fmt"
)

// methodID is class<<16 | method.
type methodID uint32

func (id methodID) class() uint16  { return uint16(id >> 16) }
func (id methodID) method() uint16 { return uint16(id) }

func (id methodID) String() string { return fmt.Sprintf("%d.%d", id.class(), id.method()) }

const (
	connectionStart          methodID = 10<<16 | 10
	connectionStartOk        methodID = 10<<16 | 11
	connectionTune           methodID = 10<<16 | 30
	connectionTuneOk         methodID = 10<<16 | 31
	connectionOpen           methodID = 10<<16 | 40
	connectionOpenOk         methodID = 10<<16 | 41
	connectionClose          methodID = 10<<16 | 50
	connectionCloseOk        methodID = 10<<16 | 51
	connectionUpdateSecret   methodID = 10<<16 | 70
	connectionUpdateSecretOk methodID = 10<<16 | 71

	channelOpen    methodID = 20<<16 | 10
	channelOpenOk  methodID = 20<<16 | 11
	channelFlow    methodID = 20<<16 | 20
	channelFlowOk  methodID = 20<<16 | 21
	channelClose   methodID = 20<<16 | 40
	channelCloseOk methodID = 20<<16 | 41

	exchangeDeclare   methodID = 40<<16 | 10
	exchangeDeclareOk methodID = 40<<16 | 11
	exchangeDelete    methodID = 40<<16 | 20
	exchangeBind      methodID = 40<<16 | 30
	exchangeUnbind    methodID = 40<<16 | 40

	queueDeclare   methodID = 50<<16 | 10
	queueDeclareOk methodID = 50<<16 | 11
	queueBind      methodID = 50<<16 | 20
	queuePurge     methodID = 50<<16 | 30
	queueDelete    methodID = 50<<16 | 40
	queueUnbind    methodID = 50<<16 | 50

	basicQos          methodID = 60<<16 | 10
	basicQosOk        methodID = 60<<16 | 11
	basicConsume      methodID = 60<<16 | 20
	basicConsumeOk    methodID = 60<<16 | 21
	basicCancel       methodID = 60<<16 | 30
	basicCancelOk     methodID = 60<<16 | 31
	basicPublish      methodID = 60<<16 | 40
	basicReturn       methodID = 60<<16 | 50
	basicDeliver      methodID = 60<<16 | 60
	basicGet          methodID = 60<<16 | 70
	basicGetOk        methodID = 60<<16 | 71
	basicGetEmpty     methodID = 60<<16 | 72
	basicAck          methodID = 60<<16 | 80
	basicReject       methodID = 60<<16 | 90
	basicRecoverAsync methodID = 60<<16 | 100
	basicRecover      methodID = 60<<16 | 110
	basicRecoverOk    methodID = 60<<16 | 111
	basicNack         methodID = 60<<16 | 120

	confirmSelect   methodID = 85<<16 | 10
	confirmSelectOk methodID = 85<<16 | 11

	txSelect   methodID = 90<<16 | 10
	txCommit   methodID = 90<<16 | 20
	txRollback methodID = 90<<16 | 30
)

// method is one method from a client: the fields that any of them has and that
// the listener looks at. One flat value instead of thirty types keeps the
// hot ones (ack, publish) free of allocation.
type method struct {
	id methodID

	table     table  // start-ok client-properties; consume, declare, bind: arguments
	mechanism string // start-ok
	response  string // start-ok; update-secret new-secret

	channelMax uint16 // tune-ok
	frameMax   uint32 // tune-ok
	heartbeat  uint16 // tune-ok, seconds

	vhost string // connection.open

	code  uint16 // close
	text  string // close; update-secret reason
	cause methodID

	queue      string // or, of exchange.bind, the source
	exchange   string
	routingKey string
	kind       string // exchange.declare type
	tag        string // consumer tag

	deliveryTag   uint64
	prefetchSize  uint32
	prefetchCount uint16

	// bits, as far as the method has them
	active, passive, global, noAck, exclusive, noWait, multiple, requeue, mandatory, immediate bool
}

func bit(b uint8, n uint) bool { return b>>n&1 == 1 }

// decodeMethod reads a method frame's payload into m. A *protocolError tells what is wrong:
// 502 for arguments that do not parse, 503 for methods that do not exist or
// are not for a server to receive.
func decodeMethod(payload []byte, m *method) *protocolError {
	*m = method{}
	if len(payload) < 4 {
		return fault(codeSyntaxError, "method frame of %d octets", len(payload))
	}
	m.id = methodID(binary.BigEndian.Uint32(payload))
	d := decoder{b: payload[4:]}
	switch m.id {
	case connectionStartOk:
		m.table = d.table()
		m.mechanism = d.shortstr()
		m.response = d.longstr()
		_ = d.shortstr() // locale
	case connectionTuneOk:
		m.channelMax = d.u16()
		m.frameMax = d.u32()
		m.heartbeat = d.u16()
	case connectionOpen:
		m.vhost = d.shortstr()
		_ = d.shortstr()
		_ = d.u8()
	case connectionClose, channelClose:
		m.code = d.u16()
		m.text = d.shortstr()
		m.cause = methodID(d.u32())
	case connectionUpdateSecret:
		m.response = d.longstr()
		m.text = d.shortstr()
	case channelOpen:
		_ = d.shortstr()
	case channelFlow, channelFlowOk:
		m.active = bit(d.u8(), 0)
	case exchangeDeclare:
		_ = d.u16()
		m.exchange = d.shortstr()
		m.kind = d.shortstr()
		bits := d.u8()
		m.passive, m.noWait = bit(bits, 0), bit(bits, 4)
		m.table = d.table()
	case exchangeDelete:
		_ = d.u16()
		m.exchange = d.shortstr()
		m.noWait = bit(d.u8(), 1)
	case exchangeBind, exchangeUnbind:
		_ = d.u16()
		m.exchange = d.shortstr()
		m.queue = d.shortstr()
		m.routingKey = d.shortstr()
		m.noWait = bit(d.u8(), 0)
		m.table = d.table()
	case queueDeclare:
		_ = d.u16()
		m.queue = d.shortstr()
		bits := d.u8()
		m.passive, m.exclusive, m.noWait = bit(bits, 0), bit(bits, 2), bit(bits, 4)
		m.table = d.table()
	case queueBind:
		_ = d.u16()
		m.queue = d.shortstr()
		m.exchange = d.shortstr()
		m.routingKey = d.shortstr()
		m.noWait = bit(d.u8(), 0)
		m.table = d.table()
	case queueUnbind:
		_ = d.u16()
		m.queue = d.shortstr()
		m.exchange = d.shortstr()
		m.routingKey = d.shortstr()
		m.table = d.table()
	case queuePurge:
		_ = d.u16()
		m.queue = d.shortstr()
		m.noWait = bit(d.u8(), 0)
	case queueDelete:
		_ = d.u16()
		m.queue = d.shortstr()
		m.noWait = bit(d.u8(), 2)
	case basicQos:
		m.prefetchSize = d.u32()
		m.prefetchCount = d.u16()
		m.global = bit(d.u8(), 0)
	case basicConsume:
		_ = d.u16()
		m.queue = d.shortstr()
		m.tag = d.shortstr()
		bits := d.u8()
		m.noAck, m.exclusive, m.noWait = bit(bits, 1), bit(bits, 2), bit(bits, 3)
		m.table = d.table()
	case basicCancel:
		m.tag = d.shortstr()
		m.noWait = bit(d.u8(), 0)
	case basicCancelOk:
		m.tag = d.shortstr()
	case basicPublish:
		_ = d.u16()
		m.exchange = d.shortstr()
		m.routingKey = d.shortstr()
		bits := d.u8()
		m.mandatory, m.immediate = bit(bits, 0), bit(bits, 1)
	case basicGet:
		_ = d.u16()
		m.queue = d.shortstr()
		m.noAck = bit(d.u8(), 0)
	case basicAck:
		m.deliveryTag = d.u64()
		m.multiple = bit(d.u8(), 0)
	case basicReject:
		m.deliveryTag = d.u64()
		m.requeue = bit(d.u8(), 0)
	case basicNack:
		m.deliveryTag = d.u64()
		bits := d.u8()
		m.multiple, m.requeue = bit(bits, 0), bit(bits, 1)
	case basicRecover, basicRecoverAsync:
		m.requeue = bit(d.u8(), 0)
	case confirmSelect:
		m.noWait = bit(d.u8(), 0)
	case connectionCloseOk, channelCloseOk, txSelect, txCommit, txRollback:
	default:
		return fault(codeCommandInvalid, "unknown or unexpected method %s", m.id)
	}
	if err := d.end(); err != nil {
		return fault(codeSyntaxError, "method %s: %v", m.id, err)
	}
	return nil
}

// Property flags of a basic content header, from the highest bit.
const (
	propContentType     = 1 << 15
	propContentEncoding = 1 << 14
	propHeaders         = 1 << 13
	propDeliveryMode    = 1 << 12
	propPriority        = 1 << 11
	propCorrelationID   = 1 << 10
	propReplyTo         = 1 << 9
	propExpiration      = 1 << 8
	propMessageID       = 1 << 7
	propTimestamp       = 1 << 6
	propType            = 1 << 5
	propUserID          = 1 << 4
	propAppID           = 1 << 3
	propClusterID       = 1 << 2
)

// contentHeader is what the listener reads of a published message's header.
type contentHeader struct {
	size       uint64
	headers    table
	expiration string
}

func decodeContentHeader(payload []byte) (contentHeader, *protocolError) {
	d := decoder{b: payload}
	var h contentHeader
	if class := d.u16(); d.err == nil && class != 60 {
		return h, fault(codeFrameError, "content header of class %d", class)
	}
	_ = d.u16() // weight
	h.size = d.u64()
	flags := d.u16()
	if flags&3 != 0 {
		return h, fault(codeSyntaxError, "unknown content properties")
	}
	if flags&propContentType != 0 {
		_ = d.shortstr()
	}
	if flags&propContentEncoding != 0 {
		_ = d.shortstr()
	}
	if flags&propHeaders != 0 {
		h.headers = d.table()
	}
	if flags&propDeliveryMode != 0 {
		_ = d.u8()
	}
	if flags&propPriority != 0 {
		_ = d.u8()
	}
	if flags&propCorrelationID != 0 {
		_ = d.shortstr()
	}
	if flags&propReplyTo != 0 {
		_ = d.shortstr()
	}
	if flags&propExpiration != 0 {
		h.expiration = d.shortstr()
	}
	if flags&propMessageID != 0 {
		_ = d.shortstr()
	}
	if flags&propTimestamp != 0 {
		_ = d.u64()
	}
	for _, p := range []uint16{propType, propUserID, propAppID, propClusterID} {
		if flags&p != 0 {
			_ = d.shortstr()
		}
	}
	if err := d.end(); err != nil {
		return h, fault(codeSyntaxError, "content header: %v", err)
	}
	return h, nil
}

// headerFrameSize is the size of m's content header frame, or -1 when the
// header cannot be put on the wire at all.
func headerFrameSize(m *Message) int {
	n := frameOverhead + 2 + 2 + 8 + 2 + 4 + 1 + 1 + len(m.Expiration)
	if len(m.Expiration) > 255 {
		return -1
	}
	for _, h := range m.Headers {
		if len(h.Name) > 255 {
			return -1
		}
		n += 1 + len(h.Name) + 1 + 4 + len(h.Value)
	}
	return n
}

// appendContentHeader appends the content header frame of m: its headers as long
// strings, delivery-mode 2 and the expiration (Fiks IO wire contract §6.4).
func appendContentHeader(b []byte, channel uint16, m *Message) []byte {
	start := len(b)
	b = beginFrame(b, frameHeader, channel)
	b = append(b, 0, 60, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Size))
	flags := uint16(propHeaders | propDeliveryMode)
	if m.Expiration != "" {
		flags |= propExpiration
	}
	b = binary.BigEndian.AppendUint16(b, flags)
	table := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, h := range m.Headers {
		b = appendShortstr(b, h.Name)
		b = append(b, 'S')
		b = appendLongstr(b, h.Value)
	}
	binary.BigEndian.PutUint32(b[table:], uint32(len(b)-table-4))
	b = append(b, 2)
	if m.Expiration != "" {
		b = appendShortstr(b, m.Expiration)
	}
	return endFrame(b, start)
}

// appendBody appends body as frames of at most frameMax bytes.
func appendBody(b []byte, channel uint16, body []byte, frameMax int) []byte {
	for len(body) > 0 {
		n := min(len(body), frameMax-frameOverhead)
		start := len(b)
		b = beginFrame(b, frameBody, channel)
		b = append(b, body[:n]...)
		b = endFrame(b, start)
		body = body[n:]
	}
	return b
}
