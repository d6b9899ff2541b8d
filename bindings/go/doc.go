// Package rredis is a Redis and Valkey client on librredis.
//
//	client, err := rredis.New("redis://127.0.0.1:6379")
//	reply, err := client.Do(ctx, "SET", "key", "value")
//	name, err := rredis.As[string](client.Do(ctx, "GET", "key"))
//
// One Client serves all goroutines. What a command's reply is, in RESP2 and in RESP3 alike, SHAPES.md of librredis says.
// As values of Go its kinds are
//
//	NULL                      nil
//	INTEGER                   int64
//	BOOL                      bool
//	DOUBLE                    float64
//	BIG_NUMBER                *big.Int
//	STRING, STATUS, VERBATIM  string, of any bytes
//	ERROR, within a reply     *Error
//	ARRAY, SET, PUSH          []any
//	MAP                       map[string]any
//
// Every call that waits takes a context. It ends when the context is done, and says whether its command ran: the error is an
// *Error, and errors.Is(err, context.Canceled) holds. A deadline that is later than OptionCommandTimeout does not lengthen a
// call.
//
// An error that a callback returns ends its call, with ErrCallback and the error as Cause. A panic of a callback is raised
// again by the call, once that has left the library.
package rredis
