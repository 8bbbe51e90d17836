#include "core/tokenizer/sentencepiece_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

using Json = nlohmann::json;

/// One field of a protobuf message (https://protobuf.dev/programming-guides/encoding).
struct Field {
    std::uint32_t number = 0;
    std::uint64_t value = 0;   ///< of a number
    std::string_view content;  ///< of a text or a message
    enum class Kind { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 } kind = Kind::Varint;
};

/// The fields of one message, in order.
class MessageReader {
public:
    MessageReader(std::string_view bytes, const Place& place) : m_bytes(bytes), m_place(place) {}

    std::optional<Field> next() {
        if (m_bytes.empty()) return std::nullopt;
        const std::uint64_t key = varint();
        Field field;
        field.number = static_cast<std::uint32_t>(key >> 3);
        field.kind = static_cast<Field::Kind>(key & 7);
        if (key >> 32 != 0 || field.number == 0) throw damaged();
        switch (field.kind) {
            case Field::Kind::Varint: field.value = varint(); return field;
            case Field::Kind::Fixed64: field.value = fixed(8); return field;
            case Field::Kind::Fixed32: field.value = fixed(4); return field;
            case Field::Kind::Bytes: {
                const std::uint64_t size = varint();
                if (size > m_bytes.size()) throw damaged();
                field.content = m_bytes.substr(0, size);
                m_bytes.remove_prefix(size);
                return field;
            }
        }
        throw damaged();
    }

private:
    Error damaged() const {
        return m_place.format("not a SentencePiece model, or a damaged one; fetch it again");
    }

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (m_bytes.empty()) throw damaged();
            const auto byte = static_cast<std::uint8_t>(m_bytes.front());
            m_bytes.remove_prefix(1);
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return value;
        }
        throw damaged();
    }

    std::uint64_t fixed(std::size_t size) {
        if (m_bytes.size() < size) throw damaged();
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size; ++i)
            value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(m_bytes[i])) << (8 * i);
        m_bytes.remove_prefix(size);
        return value;
    }

    std::string_view m_bytes;
    Place m_place;
};

void require(const Field& field, Field::Kind kind, const Place& place) {
    if (field.kind != kind)
        throw place.format(fmt::format(
            "field {} is of another type than in a SentencePiece model; the file is damaged", field.number));
}

std::string textOf(const Field& field, const Place& place) {
    require(field, Field::Kind::Bytes, place);
    if (firstInvalidUtf8(field.content)) throw place.format("a text that is not UTF-8; the file is damaged");
    return std::string(field.content);
}

std::int32_t intOf(const Field& field, const Place& place) {
    require(field, Field::Kind::Varint, place);
    return static_cast<std::int32_t>(field.value);
}

SentencePieceFile::Piece readPiece(std::string_view bytes, const Place& place) {
    SentencePieceFile::Piece piece;
    MessageReader reader(bytes, place);
    while (const auto field = reader.next()) {
        if (field->number == 1) {
            piece.text = textOf(*field, place);
        } else if (field->number == 2) {
            require(*field, Field::Kind::Fixed32, place);
            piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field->value));
        } else if (field->number == 3) {
            const std::int32_t type = intOf(*field, place);
            if (type < 1 || type > 6) throw place.format(fmt::format("a piece of the unknown type {}", type));
            piece.type = static_cast<SentencePieceFile::Type>(type);
        }
    }
    if (piece.text.empty()) throw place.format("an empty piece");
    if (piece.text.size() > SentencePieceFile::kMaxPieceBytes)
        throw place.format(fmt::format("a piece of {} bytes; at most {} are allowed", piece.text.size(),
                                       SentencePieceFile::kMaxPieceBytes));
    if (!std::isfinite(piece.score)) throw place.format("a score that is not finite");
    return piece;
}

void readTrainer(std::string_view bytes, const Place& place, SentencePieceFile& file) {
    MessageReader reader(bytes, place);
    while (const auto field = reader.next()) {
        switch (field->number) {
            case 3: {
                const std::int32_t type = intOf(*field, place);
                if (type != 1 && type != 2)
                    throw place.unsupported(
                        "a model of words or characters is not supported, only BPE and Unigram are; the "
                        "model can "
                        "still be run by token ids");
                file.unigram = type == 1;
                break;
            }
            case 24:
                if (intOf(*field, place) != 0)
                    throw place.unsupported(
                        "white space as a suffix (treat_whitespace_as_suffix) is not supported");
                break;
            case 35: file.byteFallback = intOf(*field, place) != 0; break;
            case 40: file.unknownId = intOf(*field, place); break;
            case 41: file.bosId = intOf(*field, place); break;
            case 42: file.eosId = intOf(*field, place); break;
            case 45: file.unknown = textOf(*field, place); break;
            case 46: file.bos = textOf(*field, place); break;
            case 47: file.eos = textOf(*field, place); break;
            default: break;
        }
    }
}

void readNormalizer(std::string_view bytes, const Place& place, SentencePieceFile& file) {
    MessageReader reader(bytes, place);
    while (const auto field = reader.next()) {
        switch (field->number) {
            case 2:
                require(*field, Field::Kind::Bytes, place);
                file.charsmap = std::string(field->content);
                break;
            case 3: file.dummyPrefix = intOf(*field, place) != 0; break;
            case 4: file.removeExtraSpaces = intOf(*field, place) != 0; break;
            case 5: file.escapeSpaces = intOf(*field, place) != 0; break;
            default: break;
        }
    }
}

/// Whether this is a tokenizer in tiktoken's format: lines of base64 and a rank.
bool isTiktoken(std::string_view bytes) {
    const std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), std::size_t{200}));
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0) return false;
    const auto rank = line.substr(space + 1);
    return rank.find_first_not_of("0123456789") == std::string_view::npos && space % 4 == 0;
}

std::string base64(std::string_view bytes) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::string_view three = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < three.size() ? static_cast<std::uint8_t>(three[i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i)
            text.push_back(i <= three.size() ? kAlphabet[bits >> (18 - 6 * i) & 63u] : '=');
    }
    return text;
}

/// Appends every way to merge two pieces of `ids` into `piece`, the shortest left piece first.
void addMergesInto(const std::string& piece, const std::unordered_map<std::string_view, std::int32_t>& ids,
                   TokenizerFile& file) {
    const std::string_view text = piece;
    for (std::size_t cut = codePointAt(text, 0).length; cut < text.size();
         cut += codePointAt(text, cut).length) {
        if (!ids.contains(text.substr(0, cut)) || !ids.contains(text.substr(cut))) continue;
        if (file.merges.size() >= TokenizerFile::kMaxMerges)
            throw Error(ErrorCode::Format, fmt::format("more than {} merges", TokenizerFile::kMaxMerges));
        file.merges.add(text.substr(0, cut), text.substr(cut));
    }
}

Json replaceStep(const char* kind, const std::string& pattern, const std::string& content) {
    return {{"type", "Replace"}, {"pattern", {{kind, pattern}}}, {"content", content}};
}

Json sequenceOf(const char* type, Json list) {
    return {{"type", "Sequence"}, {type, std::move(list)}};
}

Json normalizerOf(const SentencePieceFile& model, bool prefixEveryChunk) {
    Json steps = Json::array();
    if (!model.charsmap.empty())
        steps.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", base64(model.charsmap)}});
    if (model.removeExtraSpaces) {
        steps.push_back(replaceStep("Regex", R"(\A +| +\z)", ""));
        steps.push_back(replaceStep("Regex", " {2,}", " "));
    }
    if (model.escapeSpaces) steps.push_back(replaceStep("String", " ", "▁"));
    // Metaspace puts no prefix before a text that begins with its mark, and SentencePiece does.
    if (model.dummyPrefix && prefixEveryChunk) steps.push_back(replaceStep("Regex", R"(\A▁)", "▁▁"));
    return sequenceOf("normalizers", std::move(steps));
}

/// Pieces that the user defined, longest first, as one regular expression; empty if there are none.
std::string userDefinedPattern(const SentencePieceFile& model) {
    std::vector<std::string_view> pieces;
    for (const auto& piece : model.pieces)
        if (piece.type == SentencePieceFile::Type::UserDefined) pieces.push_back(piece.text);
    const auto characters = [](std::string_view text) {
        return std::count_if(text.begin(), text.end(),
                             [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0) != 0x80; });
    };
    std::stable_sort(pieces.begin(), pieces.end(),
                     [&](std::string_view a, std::string_view b) { return characters(a) > characters(b); });
    std::string pattern;
    for (const std::string_view piece : pieces) {
        if (!pattern.empty()) pattern += '|';
        for (const char c : piece) {
            if (std::string_view(R"(\.+*?()|[]{}^$)").find(c) != std::string_view::npos) pattern += '\\';
            pattern += c;
        }
    }
    return pattern;
}

Json preTokenizerOf(const SentencePieceFile& model, bool prefixEveryChunk) {
    Json steps = Json::array();
    if (model.dummyPrefix)
        steps.push_back({{"type", "Metaspace"},
                         {"replacement", "▁"},
                         {"prepend_scheme", prefixEveryChunk ? "always" : "first"},
                         {"split", false}});
    if (const std::string pattern = userDefinedPattern(model); !pattern.empty())
        steps.push_back({{"type", "Split"},
                         {"pattern", {{"Regex", pattern}}},
                         {"behavior", "Isolated"},
                         {"invert", false}});
    return steps.empty() ? Json() : sequenceOf("pretokenizers", std::move(steps));
}

Json decoderOf(const SentencePieceFile& model) {
    Json steps = Json::array({replaceStep("String", "▁", " ")});
    if (model.byteFallback) steps.push_back({{"type", "ByteFallback"}});
    if (model.dummyPrefix || model.byteFallback) steps.push_back({{"type", "Fuse"}});
    if (model.dummyPrefix)
        steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1u}, {"stop", 0u}});
    return sequenceOf("decoders", std::move(steps));
}

void addVocabulary(const SentencePieceFile& model, TokenizerFile& file) {
    for (std::size_t i = 0; i < model.pieces.size(); ++i)
        file.vocabulary.emplace_back(model.pieces[i].text, static_cast<std::int32_t>(i));
}

/// Merges of the normal pieces alone, ranked by score as SentencePiece does, then by id.
void addScoredMerges(const SentencePieceFile& model, TokenizerFile& file) {
    std::unordered_map<std::string_view, std::int32_t> normal;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < model.pieces.size(); ++i) {
        if (model.pieces[i].type != SentencePieceFile::Type::Normal) continue;
        normal.emplace(model.pieces[i].text, static_cast<std::int32_t>(i));
        order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return model.pieces[a].score > model.pieces[b].score;
    });
    for (const std::size_t i : order) addMergesInto(model.pieces[i].text, normal, file);
    file.hasMerges = true;
}

}  // namespace

SentencePieceFile readSentencePiece(std::string_view bytes, const std::string& name) {
    const Place place{name, ""};
    if (isTiktoken(bytes))
        throw place.unsupported(
            "this is a tokenizer in tiktoken's format, which is not read here; fetch the model's "
            "tokenizer.json, or "
            "give token ids with --ids");
    SentencePieceFile file;
    MessageReader reader(bytes, place);
    while (const auto field = reader.next()) {
        if (field->number < 1 || field->number > 3) continue;
        require(*field, Field::Kind::Bytes, place);
        if (field->number == 2) {
            readTrainer(field->content, place.at("trainer_spec"), file);
        } else if (field->number == 3) {
            readNormalizer(field->content, place.at("normalizer_spec"), file);
        } else {
            if (file.pieces.size() >= static_cast<std::size_t>(kMaxTokenIds))
                throw place.at("pieces").format(fmt::format("more than {} pieces", kMaxTokenIds));
            file.pieces.push_back(readPiece(field->content, place.at("pieces").at(file.pieces.size())));
        }
    }
    if (file.pieces.empty()) throw place.format("holds no pieces; it is no SentencePiece model, or damaged");
    return file;
}

TokenizerFile tokenizerFileOf(const SentencePieceFile& model, bool prefixEveryChunk) {
    TokenizerFile file;
    addVocabulary(model, file);
    Json description{{"type", model.unigram ? "Unigram" : "BPE"}, {"byte_fallback", model.byteFallback}};
    if (model.unigram) {
        file.kind = TokenizerFile::Vocabulary::List;
        for (const auto& piece : model.pieces) file.scores.push_back(piece.score);
        if (model.unknownId >= 0) description["unk_id"] = static_cast<std::uint32_t>(model.unknownId);
    } else {
        file.kind = TokenizerFile::Vocabulary::Pieces;
        addScoredMerges(model, file);
        description["unk_token"] = model.unknown;
        description["fuse_unk"] = true;
        description["ignore_merges"] =
            std::any_of(model.pieces.begin(), model.pieces.end(),
                        [](const auto& piece) { return piece.type == SentencePieceFile::Type::UserDefined; });
    }
    file.rest = {{"model", std::move(description)},
                 {"normalizer", normalizerOf(model, prefixEveryChunk)},
                 {"pre_tokenizer", preTokenizerOf(model, prefixEveryChunk)},
                 {"decoder", decoderOf(model)}};
    return file;
}

TokenizerFile rankedFileOf(const SentencePieceFile& model) {
    TokenizerFile file;
    file.kind = TokenizerFile::Vocabulary::Pieces;
    addVocabulary(model, file);
    std::unordered_map<std::string_view, std::int32_t> ids;
    for (std::size_t i = 0; i < model.pieces.size(); ++i)
        ids.emplace(model.pieces[i].text, static_cast<std::int32_t>(i));
    for (const auto& piece : model.pieces) addMergesInto(piece.text, ids, file);
    file.hasMerges = true;
    file.rest = {{"model", Json::object()}};
    return file;
}

}  // namespace rheo
