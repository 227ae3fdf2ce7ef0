// The limits of a name that CREATE or RENAME is about to make. They bind new names alone, never what exists.
#pragma once

#include <cstddef>
#include <optional>

#include "imapd/response/Reply.h"
#include "imapd/session/ClientNames.h"
#include "imapd/session/Policy.h"

namespace imapd {

// What is said to a name of so many levels and characters if it is too deep (row C0002) or too long (row C0003).
std::optional<Reply> refusalOfNewName(const Policy& policy, std::size_t levels, std::size_t characters);

}  // namespace imapd
