// Where log lines go: Poco's loggers write through one channel that keeps an event on one line.
//
// The channel stays for the life of the program; what is behind it (standard error or a file, the format, the level) is
// replaced by apply(), at start and at each reload, while other threads log. Poco's loggers let everything through:
// their own level is a plain integer that may not change while others read it.
#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Formatter.h>
#include <Poco/Message.h>

#include <memory>
#include <mutex>
#include <string>

#include "modules/api/Settings.h"

namespace maildock::host {

// Formats, makes control characters visible ("\x0A") so that nothing a client sends can forge a line, cuts a line at
// maxLineOctets, and passes it on. Thread-safe.
class LineChannel : public Poco::Channel {
public:
    static constexpr std::size_t maxLineOctets = 8 * 1024;

    void log(const Poco::Message& message) override;
    // level: the least important priority that is logged, as Poco::Message has them; 0: nothing.
    void replace(Poco::AutoPtr<Poco::Formatter> formatter, Poco::AutoPtr<Poco::Channel> target, int level);

    [[nodiscard]] static std::string madeVisible(const std::string& text);

    // Before each line its priority as the journal reads it ("<4>", sd-daemon(3)).
    void setPriorityPrefix(bool isWanted);
    // Whether standard error is a stream of the journal's: $JOURNAL_STREAM names it (systemd.exec(5)).
    [[nodiscard]] static bool isJournal(int descriptor);

private:
    std::mutex _mutex;
    Poco::AutoPtr<Poco::Formatter> _formatter;  // guarded by _mutex
    Poco::AutoPtr<Poco::Channel> _target;       // guarded by _mutex
    int _level = Poco::Message::PRIO_TRACE;     // guarded by _mutex
    bool _hasPrefix = false;                    // guarded by _mutex
};

class Logging {
public:
    // Standard error at level information until apply().
    Logging();
    // Takes the log.* keys; opens (or, after a rotation by another program, opens again) the file. Throws
    // std::runtime_error with a text for the admin if it can't be opened, and leaves everything as it was.
    void apply(const Settings& settings);

private:
    Poco::AutoPtr<LineChannel> _channel;
};

}  // namespace maildock::host
