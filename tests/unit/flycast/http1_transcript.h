// What a reader makes of the bytes of a connection, as text to compare: heads, bodies joined,
// ends, faults. For tests and the fuzzer: equal transcripts mean equal messages.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "flycast/core/http1_reader.h"

namespace sixpn::flycast {

// How many bytes the next read brings of those that are left; at least 1.
using Cut = std::function<std::size_t(std::size_t left)>;
Cut all_at_once();
Cut one_by_one();

// "GET /a h=host [name: value] len=5 \"hello\"; 400 a bare LF"
std::string transcript_of_requests(std::string_view bytes, const Cut& cut);
// The responses to one request; `closed` when the machine closed at the end of the bytes.
std::string transcript_of_response(std::string_view bytes, const ResponseContext& context,
                                   bool closed, const Cut& cut);

// The requests of the bytes written anew, up to the first fault or unfinished message: what a
// machine would be sent.
std::string rewritten_requests(std::string_view bytes);
// The responses written anew for an HTTP/1.1 client; `whole` when the last is finished.
std::string rewritten_response(std::string_view bytes, const ResponseContext& context, bool closed,
                               bool& whole);

std::string text_of(const RequestHead& head);
std::string text_of(const ResponseHead& head);

}  // namespace sixpn::flycast
