package rredis

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Error says why a call failed, and whether its command ran.
//
// errors.Is asks for a status (errors.Is(err, rredis.ErrTimeout)), for the end of a context (context.Canceled,
// context.DeadlineExceeded), and for the error that a callback returned.
type Error struct {
	Status   Status
	Outcome  Outcome
	OSError  syscall.Errno
	Attempts int    // how many times the command was tried
	Message  string // one line; a server's error begins with its code, such as WRONGTYPE
	Cause    error  // the context's error or the callback's, or nil
}

func (e *Error) Error() string {
	if e.Cause != nil && e.Status != ErrCallback {
		return e.Cause.Error() + ": " + e.Message
	}
	return e.Message
}

// Is reports whether target is the status of e.
func (e *Error) Is(target error) bool {
	status, is := target.(Status)
	return is && status == e.Status
}

// Unwrap gives the context's error, or the error of the callback.
func (e *Error) Unwrap() error { return e.Cause }

// Error gives the name of the status, such as "TIMEOUT".
func (s Status) Error() string { return C.GoString(C.rredis_status_name(C.rredis_status(s))) }

// String gives the name of the outcome, such as "NOT_SENT".
func (o Outcome) String() string {
	return C.GoString(C.rredis_status_outcome_name(C.rredis_outcome(o)))
}

// ErrNil is what As gives for a NULL, such as that of an absent key, where T has no value for it.
var ErrNil = errors.New("rredis: no value")

func refused(status Status, message string) *Error {
	return &Error{Status: status, Outcome: OutcomeNotSent, Message: message}
}

var errClosed = refused(ErrState, "this handle is closed")

// doneBefore is the error of a call whose context ended it before it began.
func doneBefore(ctx context.Context) *Error {
	return &Error{Status: ErrWoken, Outcome: OutcomeNotSent, Message: "the context was done before the call", Cause: ctx.Err()}
}

// failure reads the err of a call that returned status.
func (k *call) failure(status C.int32_t) *Error {
	err := &k.c.err
	return &Error{
		Status: Status(status), Outcome: Outcome(err.outcome), OSError: syscall.Errno(err.os_error),
		Attempts: int(err.attempts), Message: C.GoString(&err.message[0]),
	}
}

// done makes the error of a call. What a callback panicked with is raised again.
func (k *call) done(ctx context.Context, status C.int32_t) error {
	return k.finished(ctx, status, k.caught())
}

func (k *call) finished(ctx context.Context, status C.int32_t, caught []caught) error {
	for _, c := range caught {
		c.again()
	}
	if status == C.RREDIS_OK {
		return nil
	}
	failed := k.failure(status)
	switch failed.Status {
	case ErrCallback:
		if len(caught) > 0 {
			failed.Cause = caught[len(caught)-1].err
		}
	case ErrTimeout:
		if k.timed {
			failed.Cause = context.DeadlineExceeded
		}
	case ErrBusy:
		// The wait for a connection of the pool has a limit of its own, which may have come first.
		if deadline, has := ctx.Deadline(); has && !time.Now().Before(deadline) {
			failed.Cause = context.DeadlineExceeded
		}
	case ErrWoken:
		failed.Cause = ctx.Err()
	}
	return failed
}
