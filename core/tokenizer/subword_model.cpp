#include "core/tokenizer/subword_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/tokenizer/bpe.h"
#include "core/tokenizer/unigram.h"

namespace rheo {

namespace {

/// The model's type. Files of before 2021 name none; their keys tell.
std::string modelType(Component& model, const TokenizerFile& file) {
    const std::string type = model.type();
    if (!type.empty()) return type;
    if (file.kind == TokenizerFile::Vocabulary::List) return "Unigram";
    if (file.kind == TokenizerFile::Vocabulary::Pieces && !file.hasMerges)
        return model.has("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
    return "BPE";
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::pair<std::string, std::int32_t>>&& pieces, const Place& place) {
    std::size_t size = 0;
    for (const auto& [piece, id] : pieces) size = std::max(size, static_cast<std::size_t>(id) + 1);
    m_byId.assign(size, -1);
    m_pieces.reserve(pieces.size());
    m_ids.reserve(pieces.size());
    for (auto& [piece, id] : pieces) {
        std::int32_t& index = m_byId[static_cast<std::size_t>(id)];
        if (index >= 0)
            throw place.format(fmt::format("id {} stands for {} and for {}", id,
                                           inQuotes(m_pieces[static_cast<std::size_t>(index)]),
                                           inQuotes(piece)));
        index = static_cast<std::int32_t>(m_pieces.size());
        m_pieces.push_back(std::move(piece));
        if (!m_ids.emplace(m_pieces.back(), id).second)
            throw place.format(fmt::format("the piece {} stands twice", inQuotes(m_pieces.back())));
    }
}

std::optional<std::int32_t> Vocabulary::id(std::string_view piece) const {
    const auto found = m_ids.find(piece);
    if (found == m_ids.end()) return std::nullopt;
    return found->second;
}

const std::string* Vocabulary::piece(std::int32_t id) const {
    if (id < 0 || id >= size()) return nullptr;
    const std::int32_t index = m_byId[static_cast<std::size_t>(id)];
    return index < 0 ? nullptr : &m_pieces[static_cast<std::size_t>(index)];
}

std::unique_ptr<const SubwordModel> makeSubwordModel(TokenizerFile& file, const Place& place) {
    if (!file.rest.contains("model")) throw Place{place.file, ""}.format("\"model\" is missing");
    Component model(file.rest["model"], place);
    const std::string type = modelType(model, file);
    model.ignore("vocab");
    model.ignore("merges");
    if (type == "BPE") return std::make_unique<const Bpe>(model, file);
    if (type == "Unigram") return std::make_unique<const Unigram>(model, file);
    throw place.unsupported(fmt::format(
        "the tokenizer model {} is not supported, only BPE and Unigram are; the model can still be run by "
        "token ids",
        inQuotes(type)));
}

}  // namespace rheo
