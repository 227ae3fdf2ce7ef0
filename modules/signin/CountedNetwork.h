// As which network an address is counted, wherever a limit goes by addresses: one customer's.
#pragma once

#include <string>

namespace maildock::signin {

// `address` in numbers. An IPv4 address is itself, also as an IPv6 socket has it (RFC 4291 2.5.5.2); of IPv6 it is the
// /64, which is the least that anybody is given (RFC 6177) and of which each host may take any address (RFC 8981).
// What is no address stays what it is.
[[nodiscard]] std::string countedNetwork(const std::string& address);

}  // namespace maildock::signin
