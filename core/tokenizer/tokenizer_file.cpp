#include "core/tokenizer/tokenizer_file.h"

#include <fmt/format.h>

#include <cmath>

#include "core/tokenizer/component.h"
#include "core/tokenizer/tokenizer.h"

namespace rheo {

namespace {

using Json = nlohmann::json;

std::pair<std::string_view, std::string_view> mergeOfLine(std::string_view line, const Place& place) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
        throw place.format("expected two pieces with one space between, and found " + inQuotes(line));
    return {line.substr(0, space), line.substr(space + 1)};
}

/// Throws unless one more merge, of these pieces, stays within the limits.
void checkMerge(const TokenizerFile& file, std::string_view left, std::string_view right,
                const Place& place) {
    if (file.merges.size() >= TokenizerFile::kMaxMerges)
        throw place.format(fmt::format("more than {} merges", TokenizerFile::kMaxMerges));
    if (left.size() > TokenizerFile::kMaxPieceBytes || right.size() > TokenizerFile::kMaxPieceBytes)
        throw place.format(fmt::format("a piece of more than {} bytes", TokenizerFile::kMaxPieceBytes));
}

/// Receives the parser's events: builds `rest` as JSON, and streams the two large parts past it.
class Reader : public nlohmann::json_sax<Json> {
public:
    Reader(TokenizerFile& file, std::string name) : m_file(file), m_place{std::move(name), ""} {}

    /// What is parsed next is the vocabulary itself.
    void beginWithVocabulary() { m_part = Part::Vocabulary; }

    bool null() override { return scalar(Json()); }
    bool boolean(bool value) override { return scalar(Json(value)); }
    bool number_integer(number_integer_t value) override { return scalar(Json(value)); }
    bool number_unsigned(number_unsigned_t value) override { return scalar(Json(value)); }
    bool number_float(number_float_t value, const string_t&) override { return scalar(Json(value)); }
    bool binary(binary_t&) override { return false; }

    bool string(string_t& value) override {
        if (m_part == Part::Merges) {
            takeMergeText(value);
            return true;
        }
        return scalar(Json(std::move(value)));
    }

    bool start_object(std::size_t) override {
        switch (m_part) {
            case Part::Rest: open(Json::object()); return true;
            case Part::Vocabulary:
                if (++m_depth == 1)
                    m_file.kind = TokenizerFile::Vocabulary::Pieces;
                else if (m_file.kind == TokenizerFile::Vocabulary::Pieces)
                    vocabularyValue(Json::object());
                else
                    throw listPlace().format("expected a piece and its score");
                return true;
            case Part::Merges: throw mergesPlace().format("expected a list of pairs");
        }
        return true;
    }

    bool key(string_t& value) override {
        if (m_part == Part::Vocabulary) {
            if (value.size() > TokenizerFile::kMaxPieceBytes)
                throw vocabularyPlace().format(fmt::format("a piece of {} bytes; at most {} are allowed",
                                                           value.size(), TokenizerFile::kMaxPieceBytes));
            m_piece = std::move(value);
            return true;
        }
        Json& object = *m_open.back();
        if (object.contains(value))
            throw m_place.format(fmt::format("the key {} stands twice in one object", inQuotes(value)));
        if (m_open.size() == 2 && m_inModel && (value == "vocab" || value == "merges")) {
            // Present in `rest` as null, so that a second one is noticed.
            object[value] = nullptr;
            m_part = value == "vocab" ? Part::Vocabulary : Part::Merges;
            m_depth = 0;
            return true;
        }
        if (m_open.size() == 1) m_inModel = value == "model";
        m_key = value;
        return true;
    }

    bool end_object() override {
        if (m_part == Part::Rest)
            m_open.pop_back();
        else
            leave();
        return true;
    }

    bool start_array(std::size_t) override {
        switch (m_part) {
            case Part::Rest: open(Json::array()); return true;
            case Part::Vocabulary:
                if (++m_depth == 1)
                    m_file.kind = TokenizerFile::Vocabulary::List;
                else if (m_file.kind == TokenizerFile::Vocabulary::Pieces)
                    vocabularyValue(Json::array());
                else if (m_depth > 2)
                    throw listPlace().format("expected a piece and its score");
                m_pair = 0;
                return true;
            case Part::Merges:
                if (++m_depth > 2) throw mergesPlace().format("expected a pair of texts and found a list");
                m_pair = 0;
                if (m_depth == 1) m_file.hasMerges = true;
                return true;
        }
        return true;
    }

    bool end_array() override {
        if (m_part == Part::Rest) {
            m_open.pop_back();
        } else {
            if (m_part == Part::Vocabulary && m_depth == 2) {
                if (m_pair != 2) throw listPlace().format("expected a piece and its score");
                addScoredPiece();
            }
            if (m_part == Part::Merges && m_depth == 2) {
                if (m_pair != 2)
                    throw mergesPlace().format(fmt::format("a merge of {} pieces; expected two", m_pair));
                addMerge(m_left, m_right);
            }
            leave();
        }
        return true;
    }

    bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
        std::string what = error.what();
        // "[json.exception.parse_error.101] parse error at ...: why"
        if (const auto colon = what.find(": "); colon != std::string::npos) what.erase(0, colon + 2);
        throw m_place.format(fmt::format("not valid JSON at byte {}, {}; the file is damaged, fetch it again",
                                         position, inQuotes(what, 200)));
    }

private:
    enum class Part { Rest, Vocabulary, Merges };

    Place vocabularyPlace() const { return m_place.at("model.vocab"); }
    Place listPlace() const { return vocabularyPlace().at(m_file.vocabulary.size()); }
    Place mergesPlace() const { return m_place.at("model.merges").at(m_file.merges.size()); }

    bool scalar(Json value) {
        switch (m_part) {
            case Part::Rest: store(std::move(value)); return true;
            case Part::Vocabulary:
                if (m_depth == 0)
                    leave();  // null, or something that Component refuses to be a vocabulary
                else if (m_file.kind == TokenizerFile::Vocabulary::Pieces)
                    vocabularyValue(value);
                else
                    listValue(value);
                return true;
            case Part::Merges:
                if (m_depth != 0) throw mergesPlace().format("expected a merge and found " + value.dump());
                leave();
                return true;
        }
        return true;
    }

    /// Puts a value where the parser stands; returns where it lies.
    Json* store(Json value) {
        if (++m_values > TokenizerFile::kMaxValues)
            throw m_place.format(
                fmt::format("more than {} values beside vocabulary and merges; the file is "
                            "damaged or hostile",
                            TokenizerFile::kMaxValues));
        if (m_open.empty()) {
            m_file.rest = std::move(value);
            return &m_file.rest;
        }
        Json& parent = *m_open.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        return &(parent[m_key] = std::move(value));
    }

    void open(Json value) {
        if (m_open.size() >= TokenizerFile::kMaxDepth)
            throw m_place.format(fmt::format("nested more than {} deep; the file is damaged or hostile",
                                             TokenizerFile::kMaxDepth));
        // A parent list never grows while one of its children is open, so the address stays good.
        m_open.push_back(store(std::move(value)));
    }

    /// Leaves a structure of one of the large parts, or at depth 0 the part itself.
    void leave() {
        if (m_depth > 0) --m_depth;
        if (m_depth == 0) m_part = Part::Rest;
    }

    void vocabularyValue(const Json& value) {
        const Place place = vocabularyPlace();
        if (m_file.vocabulary.size() >= static_cast<std::size_t>(kMaxTokenIds))
            throw place.format(fmt::format("more than {} pieces", kMaxTokenIds));
        if (!value.is_number_unsigned() ||
            value.get<std::uint64_t>() >= static_cast<std::uint64_t>(kMaxTokenIds))
            tokenIdOf(value, place.at(inQuotes(m_piece)));  // throws, naming the piece
        m_file.vocabulary.emplace_back(std::move(m_piece), value.get<std::int32_t>());
        m_piece.clear();
    }

    /// A piece, or its score.
    void listValue(const Json& value) {
        const bool fits = m_depth == 2 && (m_pair == 0 ? value.is_string() : value.is_number()) && m_pair < 2;
        if (!fits) throw listPlace().format("expected a piece and its score");
        if (m_pair++ == 0)
            m_piece = value.get_ref<const std::string&>();
        else
            m_score = value.get<double>();
    }

    void addScoredPiece() {
        if (m_file.vocabulary.size() >= static_cast<std::size_t>(kMaxTokenIds))
            throw vocabularyPlace().format(fmt::format("more than {} pieces", kMaxTokenIds));
        if (m_piece.size() > TokenizerFile::kMaxPieceBytes)
            throw listPlace().format(fmt::format("a piece of {} bytes; at most {} are allowed",
                                                 m_piece.size(), TokenizerFile::kMaxPieceBytes));
        if (!std::isfinite(m_score)) throw listPlace().format("a score that is not finite");
        m_file.vocabulary.emplace_back(std::move(m_piece),
                                       static_cast<std::int32_t>(m_file.vocabulary.size()));
        m_file.scores.push_back(m_score);
        m_piece.clear();
    }

    void takeMergeText(const std::string& value) {
        if (m_depth == 2) {
            if (m_pair < 2) (m_pair == 0 ? m_left : m_right) = value;
            ++m_pair;
            return;
        }
        if (m_depth == 0) throw m_place.at("model.merges").format("expected a list of pairs");
        // Lines of a merges.txt: its first line may be a version.
        if (value.rfind("#version", 0) == 0) return;
        const auto [left, right] = mergeOfLine(value, mergesPlace());
        addMerge(left, right);
    }

    void addMerge(std::string_view left, std::string_view right) {
        checkMerge(m_file, left, right, mergesPlace());
        m_file.merges.add(left, right);
    }

    TokenizerFile& m_file;
    Place m_place;
    Part m_part = Part::Rest;
    std::size_t m_depth = 0;  ///< inside the vocabulary or the merges
    std::size_t m_values = 0;
    bool m_inModel = false;
    std::vector<Json*> m_open;  ///< structures of `rest` that are not closed yet, outermost first
    std::string m_key;
    std::string m_piece;
    double m_score = 0;
    int m_pair = 0;  ///< values of the current merge, or of the current piece and score, so far
    std::string m_left, m_right;
};

}  // namespace

std::pair<std::string_view, std::string_view> MergeList::operator[](std::size_t rank) const {
    const Part& part = m_parts[rank];
    const std::string_view text(m_text);
    return {text.substr(part.begin, part.left), text.substr(part.begin + part.left, part.right)};
}

void MergeList::add(std::string_view left, std::string_view right) {
    m_parts.push_back(
        {m_text.size(), static_cast<std::uint32_t>(left.size()), static_cast<std::uint32_t>(right.size())});
    m_text.append(left).append(right);
}

TokenizerFile readTokenizerFile(std::string_view json, const std::string& name) {
    TokenizerFile file;
    Reader reader(file, name);
    Json::sax_parse(json.begin(), json.end(), &reader);
    return file;
}

TokenizerFile readVocabularyFile(std::string_view json, const std::string& name) {
    TokenizerFile file;
    Reader reader(file, name);
    reader.beginWithVocabulary();
    Json::sax_parse(json.begin(), json.end(), &reader);
    if (file.kind != TokenizerFile::Vocabulary::Pieces)
        throw Place{name, ""}.format("expected an object of pieces and ids");
    return file;
}

void readMergesText(std::string_view text, const std::string& name, TokenizerFile& file) {
    file.hasMerges = true;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with("#version")) continue;
        const Place place{name, fmt::format("line {}", number)};
        if (firstInvalidUtf8(line)) throw place.format("not UTF-8; the file is damaged, fetch it again");
        const auto [left, right] = mergeOfLine(line, place);
        checkMerge(file, left, right, place);
        file.merges.add(left, right);
    }
}

}  // namespace rheo
