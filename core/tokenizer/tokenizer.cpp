#include "core/tokenizer/tokenizer.h"

#include <unicode/uchar.h>

#include <fmt/format.h>
#include <algorithm>
#include <new>
#include <set>
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/tokenizer/added_tokens.h"
#include "core/tokenizer/decoder.h"
#include "core/tokenizer/normalizer.h"
#include "core/tokenizer/post_processor.h"
#include "core/tokenizer/pre_tokenizer.h"
#include "core/tokenizer/subword_model.h"
#include "core/tokenizer/tokenizer_file.h"
#include "core/tokenizer/tokenizer_folder.h"
#include "core/tokenizer/unicode.h"

namespace rheo {

namespace {

/// Encodes words, remembering the short ones of this text.
class WordEncoder {
public:
    WordEncoder(const SubwordModel& model, std::vector<std::int32_t>& ids, const MatchScratch& deadline)
        : m_model(model), m_ids(ids), m_scratch(deadline) {}

    void encode(std::string_view word) {
        constexpr std::size_t kLongestKept = 48;
        constexpr std::size_t kMostKept = 1 << 16;
        if (word.size() > kLongestKept) return m_model.encode(word, m_ids, m_scratch);
        m_key.assign(word);
        const auto known = m_known.find(m_key);
        if (known != m_known.end()) {
            // By index: the ids of an earlier occurrence lie in the very list that grows here.
            for (std::size_t i = 0; i < known->second.count; ++i) {
                const std::int32_t id = m_ids[known->second.begin + i];
                m_ids.push_back(id);
            }
            return;
        }
        const std::size_t begin = m_ids.size();
        m_model.encode(word, m_ids, m_scratch);
        if (m_known.size() < kMostKept) m_known.emplace(m_key, Range{begin, m_ids.size() - begin});
    }

private:
    struct Range {
        std::size_t begin, count;  ///< in m_ids
    };
    const SubwordModel& m_model;
    std::vector<std::int32_t>& m_ids;
    std::unordered_map<std::string, Range> m_known;
    std::string m_key;
    SubwordScratch m_scratch;
};

/// Characters that would not be seen, or would change how others are.
bool isInvisible(char32_t c) {
    const auto category = u_charType(static_cast<UChar32>(c));
    return category == U_CONTROL_CHAR || category == U_FORMAT_CHAR || category == U_LINE_SEPARATOR ||
           category == U_PARAGRAPH_SEPARATOR;
}

}  // namespace

struct Tokenizer::Data {
    explicit Data(TokenizerFile file, const std::string& name)
        : Data(file, Component(file.rest, {name, ""})) {}

    std::unique_ptr<const SubwordModel> model;
    Normalizer normalizer;
    AddedTokens added;
    PreTokenizer preTokenizer;
    PostProcessor postProcessor;
    Decoder decoder;
    std::int64_t size = 0;
    std::optional<std::int32_t> bos;
    std::vector<std::string> notes;

    /// What the decoder is given for an id, or null.
    const std::string* spelling(std::int32_t id) const {
        if (const AddedToken* token = added.find(id)) return &token->spelling;
        return model->vocabulary().piece(id);
    }

    std::vector<std::int32_t> idsOf(const std::vector<std::string>& contents) const {
        std::vector<std::int32_t> ids;
        for (const std::string& content : contents)
            for (const AddedToken& token : added.tokens())
                if (token.content == content) ids.push_back(token.id);
        return ids;
    }

    /// The beginning-of-text token: the one that is named, or else the special one that is put first.
    void findBos(const std::string& named) {
        if (const auto ids = idsOf({named}); !ids.empty())
            bos = ids.front();
        else if (!postProcessor.before.empty())
            bos = postProcessor.before.front();
    }

private:
    Data(TokenizerFile& file, Component top, ComponentBudget budget = {})
        : model(makeSubwordModel(file, top.place().at("model"))),
          normalizer(makeNormalizer(top.value("normalizer"), top.place().at("normalizer"), budget)),
          added(top.value("added_tokens"), model->vocabulary(), normalizer, top.place().at("added_tokens")),
          preTokenizer(makePreTokenizer(top.value("pre_tokenizer"), top.place().at("pre_tokenizer"), budget)),
          postProcessor(
              makePostProcessor(top.value("post_processor"), top.place().at("post_processor"), budget)),
          decoder(top.value("decoder"), top.place().at("decoder"), budget) {
        const std::string version = top.text("version", "1.0");
        if (version != "1.0")
            throw top.place().unsupported(
                fmt::format("version {} is not supported, only \"1.0\" is", inQuotes(version)));
        top.ignore("model");
        // How batches are cut and filled up; a text is encoded whole here.
        top.ignore("truncation");
        top.ignore("padding");
        top.done();
        if (file.around) {
            postProcessor.before = idsOf(file.around->before);
            postProcessor.after = idsOf(file.around->after);
        }
        for (const auto* ids : {&postProcessor.before, &postProcessor.after})
            for (const std::int32_t id : *ids)
                if (spelling(id) == nullptr)
                    throw top.place()
                        .at("post_processor")
                        .format(fmt::format("id {} is that of no token", id));
        size = model->vocabulary().size();
        notes = added.notes();
        findBos("");
        if (!added.tokens().empty()) size = std::max<std::int64_t>(size, added.tokens().back().id + 1);
    }
};

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& tokenizerJson) {
    return parse(readFile(tokenizerJson, kMaxFileBytes), tokenizerJson.string());
}

namespace {

/// Calls `make`, which reads the tokenizer `name`; what libraries throw becomes an Error.
template <class Make>
auto translatingErrors(const std::string& name, Make make) {
    try {
        return make();
    } catch (const std::bad_alloc&) {
        throw Error(ErrorCode::OutOfMemory, fmt::format("{}: not enough memory to read this tokenizer", name),
                    name);
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::Format, fmt::format("{}: damaged: {}", name, inQuotes(error.what(), 200)),
                    name);
    }
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::open(const std::filesystem::path& folder) {
    return translatingErrors(folder.string(), [&] {
        TokenizerFolder read = readTokenizerFolder(folder);
        auto data = std::make_shared<Data>(std::move(read.file), read.name);
        data->findBos(read.bos);
        data->notes.insert(data->notes.end(), read.notes.begin(), read.notes.end());
        return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(data), read.specialAsText));
    });
}

std::shared_ptr<const Tokenizer> Tokenizer::parse(std::string_view json, const std::string& name) {
    return translatingErrors(name, [&] {
        if (json.size() > kMaxFileBytes)
            throw Error(
                ErrorCode::Format,
                fmt::format("{}: larger than the {} MiB such a file may have", name, kMaxFileBytes >> 20),
                name);
        auto data = std::make_shared<const Data>(readTokenizerFile(json, name), name);
        return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(data), false));
    });
}

Tokenizer::Tokenizer(std::shared_ptr<const Data> data, bool literal)
    : m_data(std::move(data)), m_literal(literal) {}

Tokenizer::~Tokenizer() = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view utf8, bool addSpecial) const try {
    if (utf8.size() > kMaxTextBytes)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("a text of {} bytes; at most {} MiB are encoded at once", utf8.size(),
                                kMaxTextBytes >> 20));
    if (const auto bad = firstInvalidUtf8(utf8))
        throw Error(
            ErrorCode::Format,
            fmt::format("the text is not UTF-8: byte {} (0x{:02X}) begins no character; convert the text to "
                        "UTF-8",
                        *bad, static_cast<unsigned char>(utf8[*bad])));
    const Data& data = *m_data;
    std::vector<std::int32_t> ids;
    if (addSpecial) ids = data.postProcessor.before;

    MatchScratch scratch(utf8.size());
    WordEncoder words(*data.model, ids, scratch);
    for (const TextSegment& outer : data.added.split(utf8, false, m_literal)) {
        if (outer.id >= 0) {
            ids.push_back(outer.id);
            continue;
        }
        WorkingText stretch{std::string(utf8.substr(outer.begin, outer.end - outer.begin)), outer.begin == 0};
        data.normalizer(stretch, scratch);
        if (stretch.text.empty()) continue;
        for (const TextSegment& inner : data.added.split(stretch.text, true, m_literal)) {
            if (inner.id >= 0) {
                ids.push_back(inner.id);
                continue;
            }
            Words cut;
            cut.text = stretch.text.substr(inner.begin, inner.end - inner.begin);
            cut.ends = {static_cast<std::uint32_t>(cut.text.size())};
            cut.startsText = stretch.startsText && inner.begin == 0;
            data.preTokenizer(cut, scratch);
            for (std::size_t i = 0; i < cut.size(); ++i) words.encode(cut[i]);
        }
    }

    if (addSpecial) ids.insert(ids.end(), data.postProcessor.after.begin(), data.postProcessor.after.end());
    return ids;
} catch (const std::bad_alloc&) {
    throw Error(ErrorCode::OutOfMemory,
                fmt::format("not enough memory to encode {} bytes of text", utf8.size()));
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool keepSpecial) const {
    std::vector<std::string> pieces;
    pieces.reserve(ids.size());
    std::size_t bytes = 0;
    for (const std::int32_t id : ids) {
        if (!keepSpecial && isSpecial(id)) continue;
        const std::string* piece = m_data->spelling(id);
        if (piece == nullptr) continue;
        bytes += piece->size();
        Decoder::checkSize(bytes);
        pieces.push_back(*piece);
    }
    return m_data->decoder.decode(std::move(pieces));
}

std::string Tokenizer::piece(std::int32_t id) const {
    if (const AddedToken* token = m_data->added.find(id)) return token->content;
    const std::string* piece = m_data->model->vocabulary().piece(id);
    return piece == nullptr ? std::string() : *piece;
}

std::string Tokenizer::pieceText(std::int32_t id) const {
    const std::string* piece = m_data->spelling(id);
    if (piece == nullptr) return {};
    const std::string bytes = m_data->decoder.bytesOf(*piece);
    std::string text;
    for (std::size_t offset = 0; offset < bytes.size();) {
        const Utf8Sequence sequence = utf8SequenceAt(bytes, offset);
        if (!sequence.valid) {
            for (std::size_t i = 0; i < sequence.length; ++i)
                text += fmt::format("<0x{:02X}>", static_cast<unsigned char>(bytes[offset + i]));
        } else {
            const char32_t c = codePointAt(bytes, offset).value;
            if (c < 0x20)
                appendUtf8(text, 0x2400 + c);
            else if (c == 0x7F)
                appendUtf8(text, 0x2421);
            else if (isInvisible(c))
                text += fmt::format("<U+{:04X}>", static_cast<std::uint32_t>(c));
            else
                appendUtf8(text, c);
        }
        offset += sequence.length;
    }
    return text;
}

std::string Tokenizer::pieceBytes(std::int32_t id) const {
    const std::string* piece = m_data->spelling(id);
    return piece == nullptr ? std::string() : m_data->decoder.bytesOf(*piece);
}

std::int64_t Tokenizer::size() const {
    return m_data->size;
}

std::vector<std::int32_t> Tokenizer::specialIds() const {
    std::vector<std::int32_t> ids;
    for (const AddedToken& token : m_data->added.tokens())
        if (token.special) ids.push_back(token.id);
    return ids;
}

bool Tokenizer::isSpecial(std::int32_t id) const {
    const AddedToken* token = m_data->added.find(id);
    return token != nullptr && token->special;
}

std::shared_ptr<const Tokenizer> Tokenizer::literal() const {
    return std::shared_ptr<const Tokenizer>(new Tokenizer(m_data, true));
}

const std::vector<std::string>& Tokenizer::notes() const {
    return m_data->notes;
}

EncodingRemarks Tokenizer::remarks(std::span<const std::int32_t> ids) const {
    EncodingRemarks remarks;
    if (m_data->bos && ids.size() >= 2 && ids[0] == *m_data->bos && ids[1] == ids[0])
        remarks.twiceBos = piece(ids[0]);
    const auto& before = m_data->postProcessor.before;
    const auto& after = m_data->postProcessor.after;
    if (ids.size() >= before.size() && std::equal(before.begin(), before.end(), ids.begin()))
        ids = ids.subspan(before.size());
    if (ids.size() >= after.size() && std::equal(after.rbegin(), after.rend(), ids.rbegin()))
        ids = ids.first(ids.size() - after.size());
    std::set<std::int32_t> seen;
    for (const std::int32_t id : ids)
        if (isSpecial(id) && seen.insert(id).second) remarks.parsed.push_back(piece(id));
    return remarks;
}

std::optional<std::size_t> firstInvalidUtf8(std::string_view text) {
    for (std::size_t offset = 0; offset < text.size();) {
        const Utf8Sequence sequence = utf8SequenceAt(text, offset);
        if (!sequence.valid) return offset;
        offset += sequence.length;
    }
    return std::nullopt;
}

}  // namespace rheo
