// The TLS configuration in force, replaceable while connections run: by new settings, and by itself when a file
// changed.
//
// Thread-safe. A connection keeps the configuration with which its handshake began. Files are looked at (by stat) when
// a handshake begins and the last look is some seconds old, so that a server without clients does nothing; the
// handshake that notices a change makes the new configuration, the others meanwhile use the old one. What cannot be
// read or used, such as a certificate whose key is not written yet, leaves the old one in force and is tried again. A
// configuration is renewed after half a day in any case: with it go the keys of its session tickets (RFC 5077 5.5). RFC
// 8446, RFC 5246 (TLS), RFC 8314 4.1 (TLS 1.2 at least for mail), RFC 6066 3 (SNI).
#pragma once

#include <Poco/Net/Context.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "imapd/connection/Mutex.h"
#include "imapd/connection/TlsBuilder.h"
#include "imapd/connection/TlsSettings.h"

namespace imapd {

class TlsContexts {
public:
    // Takes a line for the log; any thread.
    using Log = std::function<void(const std::string& line, bool isWarning)>;

    explicit TlsContexts(Log log = {}, std::chrono::milliseconds lookInterval = std::chrono::seconds(5))
        : _log(std::move(log)), _lookInterval(lookInterval) {}

    // Builds a configuration of the settings; handshakes from now on use it. Throws TlsError, then the one before
    // stays in force. Returns warnings for the log: a certificate out of its time, or about to be.
    std::vector<std::string> replace(const TlsSettings& settings);
    // Only looks: everything that is wrong, or may be.
    static std::vector<TlsFinding> check(const TlsSettings& settings);
    // What is in force. Null before the first replace(): TLS is not to be offered.
    [[nodiscard]] Poco::Net::Context::Ptr current() const;
    // For a handshake that begins: current(), after a look at the files if that is due.
    [[nodiscard]] Poco::Net::Context::Ptr fresh();

private:
    using Clock = std::chrono::steady_clock;
    void lookAtFiles();
    void report(const std::string& line, bool isWarning);

    const Log _log;
    const std::chrono::milliseconds _lookInterval;
    std::atomic<Clock::rep> _nextLook = 0;

    mutable Mutex _mutex;
    Poco::Net::Context::Ptr _current GUARDED_BY(_mutex);
    TlsSettings _settings GUARDED_BY(_mutex);
    FileStamps _stamps GUARDED_BY(_mutex);
    Clock::time_point _built GUARDED_BY(_mutex);
    std::string _lastFailure GUARDED_BY(_mutex);
};

}  // namespace imapd
