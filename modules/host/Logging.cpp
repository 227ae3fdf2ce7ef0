#include "modules/host/Logging.h"

#include <Poco/ConsoleChannel.h>
#include <Poco/Exception.h>
#include <Poco/FileChannel.h>
#include <Poco/Logger.h>
#include <Poco/PatternFormatter.h>

#include <stdexcept>

namespace maildock::host {

void LineChannel::log(const Poco::Message& message) {
    Poco::AutoPtr<Poco::Formatter> formatter;
    Poco::AutoPtr<Poco::Channel> target;
    {
        const std::lock_guard lock(_mutex);
        if (message.getPriority() > _level) return;
        formatter = _formatter;
        target = _target;
    }
    if (!target) return;
    std::string line;
    formatter->format(Poco::Message(message, madeVisible(message.getText())), line);
    target->log(Poco::Message(message, line));
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
    _channel->replace(new Poco::PatternFormatter("%p %s: %t"), new Poco::ConsoleChannel,
                      Poco::Message::PRIO_INFORMATION);
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
    _channel->replace(formatter, target, Poco::Logger::parseLevel(settings.text("log.level")));
}

}  // namespace maildock::host
