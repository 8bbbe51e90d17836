#include "core/tokenizer/decoder.h"

#include <fmt/format.h>
#include <optional>

#include "core/tokenizer/byte_letters.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

constexpr std::string_view kKnown =
    "ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, BPEDecoder, Sequence";
constexpr const char* kReplacement = "\xEF\xBF\xBD";

/// The byte of a piece such as "<0x0A>".
std::optional<char> fallbackByte(std::string_view piece) {
    if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') return std::nullopt;
    int value = 0;
    for (const char c : piece.substr(3, 2)) {
        int digit = 0;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else
            return std::nullopt;
        value = value * 16 + digit;
    }
    return static_cast<char>(value);
}

std::string joined(const std::vector<std::string>& pieces, std::string_view between) {
    std::size_t size = 0;
    for (const auto& piece : pieces) size += piece.size() + between.size();
    Decoder::checkSize(size);
    std::string text;
    text.reserve(size);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (i > 0) text += between;
        text += pieces[i];
    }
    return text;
}

/// Every occurrence of `what` (not empty) in `text`.
std::string replaced(std::string_view text, std::string_view what, std::string_view content) {
    std::string result;
    std::size_t from = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, from)) {
        result.append(text.substr(from, at - from)).append(content);
        from = at + what.size();
    }
    result.append(text.substr(from));
    return result;
}

/// Runs of byte pieces become the characters they spell, or one U+FFFD a byte where they spell none.
std::vector<std::string> withBytesDecoded(std::vector<std::string> pieces) {
    std::vector<std::string> result;
    result.reserve(pieces.size());
    std::string bytes;
    const auto flush = [&] {
        if (bytes.empty()) return;
        bool valid = true;
        for (std::size_t offset = 0; valid && offset < bytes.size();) {
            const Utf8Sequence sequence = utf8SequenceAt(bytes, offset);
            valid = sequence.valid;
            offset += sequence.length;
        }
        if (valid)
            result.push_back(bytes);
        else
            result.insert(result.end(), bytes.size(), kReplacement);
        bytes.clear();
    };
    for (auto& piece : pieces) {
        if (const auto byte = fallbackByte(piece)) {
            bytes.push_back(*byte);
            continue;
        }
        flush();
        result.push_back(std::move(piece));
    }
    flush();
    return result;
}

/// Without at most `start` copies of `content` at the start and `stop` at the end.
void strip(std::string& piece, std::string_view content, std::size_t start, std::size_t stop) {
    std::string_view rest = piece;
    for (std::size_t i = 0; i < start && rest.substr(0, content.size()) == content; ++i)
        rest.remove_prefix(content.size());
    for (std::size_t i = 0;
         i < stop && rest.size() >= content.size() && rest.substr(rest.size() - content.size()) == content;
         ++i)
        rest.remove_suffix(content.size());
    piece = std::string(rest);
}

}  // namespace

void Decoder::checkSize(std::size_t bytes) {
    if (bytes > Tokenizer::kMaxDecodedBytes)
        throw Error(ErrorCode::InvalidArgument, fmt::format("the decoded text would be longer than {} MiB",
                                                            Tokenizer::kMaxDecodedBytes >> 20));
}

Decoder::Decoder(const nlohmann::json& value, const Place& place, ComponentBudget& budget) {
    if (value.is_null())
        m_joinsBySpaces = true;
    else
        read(value, place, budget);
}

void Decoder::read(const nlohmann::json& value, const Place& place, ComponentBudget& budget) {
    Component component(value, place, budget);
    const std::string type = component.type();
    Step step;
    step.place = place;
    if (type == "Sequence") {
        const auto& list = component.list("decoders");
        for (std::size_t i = 0; i < list.size(); ++i) read(list[i], place.at("decoders").at(i), budget);
        component.done();
        return;
    }
    if (type == "ByteLevel") {
        step.kind = Kind::ByteLevel;
        // These are of the pre-tokenizer that shares its name and its settings.
        for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) component.ignore(key);
    } else if (type == "Replace") {
        step.kind = Kind::Replace;
        step.pattern = Pattern::fromJson(component.value("pattern"), place.at("pattern"));
        step.content = component.text("content");
    } else if (type == "ByteFallback") {
        step.kind = Kind::ByteFallback;
    } else if (type == "Fuse") {
        step.kind = Kind::Fuse;
    } else if (type == "Strip") {
        step.kind = Kind::Strip;
        appendUtf8(step.content, component.character("content", U' '));
        step.start = static_cast<std::size_t>(component.count("start"));
        step.stop = static_cast<std::size_t>(component.count("stop"));
    } else if (type == "Metaspace") {
        step.kind = Kind::Metaspace;
        appendUtf8(step.content, component.character("replacement", U'\u2581'));
        const std::string scheme =
            component.text("prepend_scheme", component.flag("add_prefix_space", true) ? "always" : "never");
        if (scheme != "always" && scheme != "first" && scheme != "never")
            throw place.at("prepend_scheme").unsupported(inQuotes(scheme) + " is not supported");
        step.dropsFirst = scheme != "never";
        for (const char* key : {"str_rep", "split", "add_prefix_space"}) component.ignore(key);
    } else if (type == "BPEDecoder") {
        step.kind = Kind::EndOfWord;
        step.content = component.text("suffix", "</w>");
        if (step.content.empty()) throw place.at("suffix").unsupported("an empty suffix is not supported");
    } else {
        throw component.unknownType(kKnown);
    }
    component.done();
    m_steps.push_back(std::move(step));
}

std::string Decoder::decode(std::vector<std::string> pieces) const {
    if (m_joinsBySpaces) return joined(pieces, " ");
    std::size_t bytes = 0;
    for (const auto& piece : pieces) bytes += piece.size();
    checkSize(bytes);
    MatchScratch scratch(bytes);
    for (const Step& step : m_steps) apply(step, pieces, scratch);
    return joined(pieces, "");
}

void Decoder::apply(const Step& step, std::vector<std::string>& pieces, MatchScratch& scratch) {
    switch (step.kind) {
        case Kind::ByteLevel: {
            std::string bytes;
            for (const auto& piece : pieces) bytes += bytesOfPiece(piece);
            pieces = {lossyUtf8(bytes)};
            return;
        }
        case Kind::Replace: {
            std::size_t total = 0;
            std::string result;
            for (auto& piece : pieces) {
                step.pattern.split(piece, scratch);
                result.clear();
                for (const Span& span : scratch.spans) {
                    if (span.isMatch)
                        result += step.content;
                    else
                        result.append(piece, span.begin, span.end - span.begin);
                    checkSize(total + result.size());
                }
                total += result.size();
                piece = result;
            }
            return;
        }
        case Kind::ByteFallback: pieces = withBytesDecoded(std::move(pieces)); return;
        case Kind::Fuse: pieces = {joined(pieces, "")}; return;
        case Kind::Strip:
            for (auto& piece : pieces) strip(piece, step.content, step.start, step.stop);
            return;
        case Kind::Metaspace:
            for (std::size_t i = 0; i < pieces.size(); ++i)
                pieces[i] = replaced(pieces[i], step.content, i == 0 && step.dropsFirst ? "" : " ");
            return;
        case Kind::EndOfWord:
            for (std::size_t i = 0; i < pieces.size(); ++i)
                pieces[i] = replaced(pieces[i], step.content, i + 1 == pieces.size() ? "" : " ");
            return;
    }
}

std::string Decoder::bytesOf(std::string_view piece) const {
    std::string bytes(piece);
    for (const Step& step : m_steps) {
        switch (step.kind) {
            case Kind::ByteLevel: return bytesOfPiece(bytes);
            case Kind::ByteFallback:
                if (const auto byte = fallbackByte(bytes)) return std::string(1, *byte);
                break;
            case Kind::Replace: {
                MatchScratch scratch(bytes.size());
                std::vector<std::string> one{bytes};
                apply(step, one, scratch);
                bytes = one.front();
                break;
            }
            case Kind::Metaspace:
            case Kind::EndOfWord: bytes = replaced(bytes, step.content, " "); break;
            // What stands at the ends of a text says nothing of a piece.
            case Kind::Strip:
            case Kind::Fuse: break;
        }
    }
    return bytes;
}

}  // namespace rheo
