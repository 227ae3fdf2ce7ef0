// How much an event matters to the admin.
#pragma once

namespace imapd {

enum class LogLevel {
    Debug,        // what a developer looks at
    Information,  // what clients do
    Notice,       // rare, and worth knowing
    Warning,      // somebody was refused, or a client or a setting is wrong
    Error         // what the server should have done, and could not
};

}  // namespace imapd
