#include "modules/host/Logging.h"

#include <Poco/ConsoleChannel.h>
#include <Poco/Environment.h>
#include <Poco/Exception.h>
#include <Poco/FileChannel.h>
#include <Poco/Logger.h>
#include <Poco/PatternFormatter.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

#include "modules/host/ProgramKeys.h"

namespace maildock::host {

namespace {

// syslog's numbers: Poco's begin with fatal and have trace at the end.
std::string journalPrefix(Poco::Message::Priority priority) {
    switch (priority) {
        case Poco::Message::PRIO_FATAL:
        case Poco::Message::PRIO_CRITICAL:
            return "<2>";
        case Poco::Message::PRIO_ERROR:
            return "<3>";
        case Poco::Message::PRIO_WARNING:
            return "<4>";
        case Poco::Message::PRIO_NOTICE:
            return "<5>";
        case Poco::Message::PRIO_INFORMATION:
            return "<6>";
        default:
            return "<7>";
    }
}

// Until the configuration is read: what is logged then has its time, too.
std::string defaultFormat() {
    for (const KeySpec& spec : programKeys()) {
        if (spec.name == "log.format") return spec.defaultValue;
    }
    return "%t";
}

}  // namespace

void LineChannel::log(const Poco::Message& message) {
    Poco::AutoPtr<Poco::Formatter> formatter;
    Poco::AutoPtr<Poco::Channel> target;
    bool hasPrefix = false;
    {
        const std::lock_guard lock(_mutex);
        if (message.getPriority() > _level) return;
        formatter = _formatter;
        target = _target;
        hasPrefix = _hasPrefix;
    }
    if (!target) return;
    std::string line;
    formatter->format(Poco::Message(message, madeVisible(message.getText())), line);
    if (hasPrefix) line.insert(0, journalPrefix(message.getPriority()));
    target->log(Poco::Message(message, line));
}

void LineChannel::setPriorityPrefix(bool isWanted) {
    const std::lock_guard lock(_mutex);
    _hasPrefix = isWanted;
}

bool LineChannel::isJournal(int descriptor) {
    struct stat status {};
    const std::string stream = Poco::Environment::get("JOURNAL_STREAM", "");
    return !stream.empty() && ::fstat(descriptor, &status) == 0 &&
           stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

void LineChannel::replace(Poco::AutoPtr<Poco::Formatter> formatter, Poco::AutoPtr<Poco::Channel> target, int level) {
    const std::lock_guard lock(_mutex);
    _formatter = std::move(formatter);
    _target = std::move(target);
    _level = level;
}

std::string LineChannel::madeVisible(const std::string& text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(std::min(text.size(), maxLineOctets));
    for (const char c : text) {
        if (out.size() >= maxLineOctets) return out + "...";
        const auto octet = static_cast<unsigned char>(c);
        if (octet >= 0x20 && octet != 0x7F) {
            out += c;
        } else {
            out += "\\x";
            out += digits[octet >> 4];
            out += digits[octet & 0x0F];
        }
    }
    return out;
}

Logging::Logging() : _channel(new LineChannel) {
    Poco::AutoPtr<Poco::Formatter> formatter(new Poco::PatternFormatter(defaultFormat()));
    formatter->setProperty(Poco::PatternFormatter::PROP_TIMES, "local");
    _channel->replace(formatter, new Poco::ConsoleChannel, Poco::Message::PRIO_INFORMATION);
    _channel->setPriorityPrefix(LineChannel::isJournal(STDERR_FILENO));
    (void)Poco::Logger::root();  // made now: what follows reaches only loggers that exist, and others inherit from it
    Poco::Logger::setChannel("", _channel);
    Poco::Logger::setLevel("", Poco::Message::PRIO_TRACE);
}

void Logging::apply(const Settings& settings) {
    Poco::AutoPtr<Poco::Formatter> formatter(new Poco::PatternFormatter(settings.text("log.format")));
    formatter->setProperty(Poco::PatternFormatter::PROP_TIMES, settings.text("log.times"));
    Poco::AutoPtr<Poco::Channel> target;
    if (const std::string path = settings.path("log.path"); path.empty()) {
        target = new Poco::ConsoleChannel;
    } else {
        try {
            target = new Poco::FileChannel(path);
            target->setProperty(Poco::FileChannel::PROP_TIMES, settings.text("log.times"));
            target->setProperty(Poco::FileChannel::PROP_ROTATION, settings.text("log.rotation"));
            if (settings.text("log.rotation") != "never") {
                target->setProperty(Poco::FileChannel::PROP_ARCHIVE, "timestamp");
                target->setProperty(Poco::FileChannel::PROP_PURGECOUNT, std::to_string(settings.number("log.keep")));
            }
            target->open();
        } catch (const Poco::Exception& e) {
            throw std::runtime_error("the log file " + path + " can't be used: " + e.displayText());
        }
    }
    _channel->setPriorityPrefix(settings.path("log.path").empty() && LineChannel::isJournal(STDERR_FILENO));
    _channel->replace(formatter, target, Poco::Logger::parseLevel(settings.text("log.level")));
}

}  // namespace maildock::host
