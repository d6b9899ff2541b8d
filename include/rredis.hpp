// librredis for C++17: rredis.h with types, exceptions and ownership.
//
//   rredis::client client{"redis://127.0.0.1:6379"};
//   client.command("SET", "answer", 42);
//   int answer = client.command("GET", "answer").as<int>();
//
// Everything is inline over rredis.h: link as for C, and any compiler's program works with the
// same librredis.so. What rredis.h says of a handle (sharing, forking, time, limits) holds for
// the class of its name, and its enumerators are used as they are.
//
// Failing
//   A call that fails throws rredis::error, with status(), outcome() and what(). The try_
//   functions give a rredis::result in its place. A reply of another shape than asked for is
//   rredis::shape_error.
//
// Owning
//   Objects free themselves, and move. A view, and every std::string_view, is borrowed from the
//   object it came from. Arguments are borrowed until the call returns.
//
// Functions of yours
//   A function that you give is called during a call that you make. What it throws ends that call,
//   which throws it again. Functions of a stream or a reader, and those that have no way to
//   fail, say what becomes of it.
#pragma once

#include "rredis/error.hpp"      // error, result, shape_error
#include "rredis/arguments.hpp"  // what may be an argument
#include "rredis/reply.hpp"      // reply, view, as<T>()
#include "rredis/options.hpp"    // options
#include "rredis/client.hpp"     // client, pool, call
#include "rredis/pipeline.hpp"   // pipeline, transactions, script
#include "rredis/conn.hpp"       // conn
#include "rredis/pubsub.hpp"     // pubsub, message
#include "rredis/async.hpp"      // async
#include "rredis/callback.hpp"   // answer, for response callbacks
#include "rredis/builder.hpp"    // builder
#include "rredis/protocol.hpp"   // encode, command_keys, slot, parser
#include "rredis/transport.hpp"  // stream and reader, for transports and parsers of yours
