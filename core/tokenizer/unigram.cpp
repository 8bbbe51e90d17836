#include "core/tokenizer/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/tokenizer/unicode.h"

namespace rheo {

Unigram::Unigram(Component& model, TokenizerFile& file) : m_place(model.place()) {
    if (file.kind != TokenizerFile::Vocabulary::List)
        throw m_place.format("\"vocab\" is missing, or no list of pieces and scores");
    if (model.has("unk_id")) m_unknown = static_cast<std::int32_t>(model.count("unk_id"));
    m_byteFallback = model.flag("byte_fallback", false);
    model.done();
    if (m_unknown && static_cast<std::size_t>(*m_unknown) >= file.vocabulary.size())
        throw m_place.at("unk_id").format(
            fmt::format("{} is no piece: there are {}", *m_unknown, file.vocabulary.size()));

    m_scores = std::move(file.scores);
    double least = std::numeric_limits<double>::infinity();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < file.vocabulary.size(); ++i) {
        const auto& [piece, id] = file.vocabulary[i];
        if (piece.empty()) throw m_place.at("vocab").at(i).format("an empty piece");
        bytes += piece.size();
        if (bytes > kMaxPiecesBytes)
            throw m_place.at("vocab").format(
                fmt::format("the pieces are longer than {} MiB together", kMaxPiecesBytes >> 20));
        m_pieces.add(piece, id);
        least = std::min(least, m_scores[i]);
    }
    constexpr double kUnknownPenalty = 10;
    m_unknownScore = least - kUnknownPenalty;
    m_vocabulary = std::make_unique<const Vocabulary>(std::move(file.vocabulary), m_place.at("vocab"));
    for (int byte = 0; byte < 256; ++byte)
        m_byteIds[static_cast<std::size_t>(byte)] =
            m_vocabulary->id(fmt::format("<0x{:02X}>", byte)).value_or(-1);
}

std::int32_t Unigram::unknown(std::string_view piece) const {
    if (m_unknown) return *m_unknown;
    throw m_place.format(fmt::format("the text holds {}, which no piece covers, and the model has no unk_id",
                                     inQuotes(piece)));
}

void Unigram::findBestPath(std::string_view word, SubwordScratch& scratch) const {
    auto& paths = scratch.paths;
    paths.assign(word.size() + 1, {0, -1, -1});
    const auto offer = [&paths](std::size_t begin, std::size_t end, double score, std::int32_t id) {
        auto& path = paths[end];
        if (path.begin < 0 || score > path.score) path = {score, static_cast<std::int32_t>(begin), id};
    };
    std::size_t compared = 0;
    for (std::size_t begin = 0; begin < word.size();) {
        const std::size_t length = codePointAt(word, begin).length;
        const double before = paths[begin].score;
        bool covered = false;
        compared += m_pieces.forEachPrefix(word, begin, [&](std::size_t bytes, std::int32_t id) {
            offer(begin, begin + bytes, before + m_scores[static_cast<std::size_t>(id)], id);
            covered = covered || bytes == length;
        });
        if (!covered)
            offer(begin, begin + length, before + m_unknownScore, unknown(word.substr(begin, length)));
        if (compared > 1'000'000) {
            scratch.time.checkTime(m_place);
            compared = 0;
        }
        begin += length;
    }
}

void Unigram::append(std::string_view piece, std::vector<std::int32_t>& ids) const {
    if (const auto id = m_vocabulary->id(piece)) {
        ids.push_back(*id);
        return;
    }
    const auto byteId = [this](char byte) { return m_byteIds[static_cast<std::uint8_t>(byte)]; };
    if (m_byteFallback &&
        std::all_of(piece.begin(), piece.end(), [&](char byte) { return byteId(byte) >= 0; })) {
        for (const char byte : piece) ids.push_back(byteId(byte));
        return;
    }
    ids.push_back(unknown(piece));
}

void Unigram::encode(std::string_view word, std::vector<std::int32_t>& ids, SubwordScratch& scratch) const {
    findBestPath(word, scratch);
    // From the end to the start: the ends of the pieces, unknown pieces that touch as one.
    std::vector<std::size_t> ends;
    bool unknownBehind = false;
    for (std::size_t end = word.size(); end > 0;) {
        const auto& path = scratch.paths[end];
        const bool isUnknown = m_unknown && path.id == *m_unknown;
        if (!(isUnknown && unknownBehind)) ends.push_back(end);
        unknownBehind = isUnknown;
        end = static_cast<std::size_t>(path.begin);
    }
    std::size_t begin = 0;
    for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
        append(word.substr(begin, *end - begin), ids);
        begin = *end;
    }
}

}  // namespace rheo
