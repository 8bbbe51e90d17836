#include "core/tokenizer/bpe.h"

#include <fmt/format.h>
#include <algorithm>

#include "core/tokenizer/unicode.h"

namespace rheo {

Bpe::Bpe(Component& model, TokenizerFile& file) : m_place(model.place()) {
    const Place& place = m_place;
    if (file.kind != TokenizerFile::Vocabulary::Pieces)
        throw place.format("\"vocab\" is missing, or no object of pieces and ids");
    if (!file.hasMerges) throw place.format("\"merges\" is missing, or no list");

    if (model.has("dropout")) {
        const auto& dropout = model.value("dropout");
        if (!dropout.is_number() || dropout.get<double>() != 0)
            throw place.unsupported("dropout " + dropout.dump().substr(0, 60) +
                                    " would make tokens random; set it to null");
    }
    if (model.has("unk_token")) m_unknown = model.text("unk_token");
    m_prefix = model.text("continuing_subword_prefix", "");
    m_suffix = model.text("end_of_word_suffix", "");
    m_fuseUnknown = model.flag("fuse_unk", false);
    m_byteFallback = model.flag("byte_fallback", false);
    m_ignoreMerges = model.flag("ignore_merges", false);
    model.done();
    for (const auto* affix : {&m_prefix, &m_suffix})
        if (affix->size() > TokenizerFile::kMaxPieceBytes)
            throw place.format("a prefix or suffix longer than any piece");

    m_vocabulary = std::make_unique<const Vocabulary>(std::move(file.vocabulary), place.at("vocab"));
    for (int byte = 0; byte < 256; ++byte)
        m_byteIds[static_cast<std::size_t>(byte)] =
            m_vocabulary->id(fmt::format("<0x{:02X}>", byte)).value_or(-1);
    readMerges(file.merges, place.at("merges"));
    file.merges = {};
}

void Bpe::readMerges(const MergeList& merges, const Place& place) {
    m_merges.reserve(merges.size());
    std::string whole;
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        const auto pair = merges[rank];
        const std::string_view left = pair.first;
        const std::string_view right = pair.second;
        const auto need = [&](std::string_view piece) {
            const auto id = m_vocabulary->id(piece);
            if (!id)
                throw place.at(rank).format(
                    fmt::format("the merge of {} and {} needs the piece {}, which is not in the "
                                "vocabulary",
                                inQuotes(left), inQuotes(right), inQuotes(piece)));
            return *id;
        };
        const std::int32_t leftId = need(left);
        const std::int32_t rightId = need(right);
        // The right piece stands behind another, so it has the prefix; what they become has only the left
        // one's.
        whole.assign(left);
        whole.append(right.substr(std::min(m_prefix.size(), right.size())));
        // A pair that stands twice has its last rank.
        m_merges.insert_or_assign(pairOf(leftId, rightId),
                                  Merge{static_cast<std::uint32_t>(rank), need(whole)});
    }
}

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& ids, SubwordScratch& scratch) const {
    if (m_ignoreMerges) {
        if (const auto id = m_vocabulary->id(word)) {
            ids.push_back(*id);
            return;
        }
    }
    spell(word, scratch);
    merge(scratch);
    for (const auto& symbol : scratch.symbols)
        if (!symbol.removed) ids.push_back(symbol.id);
}

namespace {

/// `prefix`, `text` and `suffix` in one; `buffer` holds it where that is not `text` alone.
std::string_view withAffixes(std::string_view text, std::string_view prefix, std::string_view suffix,
                             std::string& buffer) {
    if (prefix.empty() && suffix.empty()) return text;
    buffer.clear();
    buffer.append(prefix).append(text).append(suffix);
    return buffer;
}

}  // namespace

void Bpe::spell(std::string_view word, SubwordScratch& scratch) const {
    auto& symbols = scratch.symbols;
    symbols.clear();
    const auto add = [&symbols](std::int32_t id) {
        const auto position = static_cast<std::int32_t>(symbols.size());
        symbols.push_back({id, position - 1, position + 1, false});
    };
    std::int32_t pendingUnknown = -1;
    for (std::size_t offset = 0; offset < word.size();) {
        const std::size_t length = codePointAt(word, offset).length;
        std::string_view spelling = word.substr(offset, length);
        const bool first = offset == 0;
        offset += length;
        const bool last = offset == word.size();
        spelling = withAffixes(spelling, first ? std::string_view() : m_prefix,
                               last ? m_suffix : std::string_view(), scratch.spelling);
        if (const auto id = m_vocabulary->id(spelling)) {
            if (pendingUnknown >= 0) add(pendingUnknown);
            pendingUnknown = -1;
            add(*id);
            continue;
        }
        if (m_byteFallback) {
            const auto byteId = [this](char byte) { return m_byteIds[static_cast<std::uint8_t>(byte)]; };
            if (std::all_of(spelling.begin(), spelling.end(), [&](char byte) { return byteId(byte) >= 0; })) {
                // An unknown before these bytes is added after them: so does the reference implementation.
                for (const char byte : spelling) add(byteId(byte));
                continue;
            }
        }
        if (!m_unknown) continue;
        if (pendingUnknown >= 0 && m_fuseUnknown) continue;
        if (pendingUnknown >= 0) add(pendingUnknown);
        pendingUnknown = m_vocabulary->id(*m_unknown).value_or(-1);
        if (pendingUnknown < 0)
            throw m_place.format(
                fmt::format("the text holds {}, which no piece can spell, and the unknown token {} "
                            "is not in the vocabulary",
                            inQuotes(spelling), inQuotes(*m_unknown)));
    }
    if (pendingUnknown >= 0) add(pendingUnknown);
    if (!symbols.empty()) symbols.back().next = -1;
}

void Bpe::consider(std::int32_t left, std::int32_t right, std::int32_t position,
                   SubwordScratch& scratch) const {
    const auto found = m_merges.find(pairOf(left, right));
    if (found != m_merges.end()) scratch.queue.push_back({found->second.rank, position, found->second.id});
}

void Bpe::merge(SubwordScratch& scratch) const {
    auto& symbols = scratch.symbols;
    auto& queue = scratch.queue;
    // The lowest rank first, and of equal ranks the leftmost; std heaps keep the largest on top.
    const auto worse = [](const SubwordScratch::Candidate& a, const SubwordScratch::Candidate& b) {
        return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
    };
    queue.clear();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
        consider(symbols[i].id, symbols[i + 1].id, static_cast<std::int32_t>(i), scratch);
    std::make_heap(queue.begin(), queue.end(), worse);

    while (!queue.empty()) {
        std::pop_heap(queue.begin(), queue.end(), worse);
        const SubwordScratch::Candidate best = queue.back();
        queue.pop_back();
        auto& left = symbols[static_cast<std::size_t>(best.position)];
        if (left.removed || left.next < 0) continue;
        auto& right = symbols[static_cast<std::size_t>(left.next)];
        // The pair may have changed since it was queued. What counts is what it becomes, not its rank:
        // so does the reference implementation, and it matters where two pairs become the same piece.
        const auto now = m_merges.find(pairOf(left.id, right.id));
        if (now == m_merges.end() || now->second.id != best.id) continue;

        left.id = best.id;
        left.next = right.next;
        right.removed = true;
        if (right.next >= 0) symbols[static_cast<std::size_t>(right.next)].previous = best.position;

        const std::size_t before = queue.size();
        if (left.previous >= 0)
            consider(symbols[static_cast<std::size_t>(left.previous)].id, left.id, left.previous, scratch);
        const std::size_t between = queue.size();
        if (between > before) std::push_heap(queue.begin(), queue.end(), worse);
        if (left.next >= 0)
            consider(left.id, symbols[static_cast<std::size_t>(left.next)].id, best.position, scratch);
        if (queue.size() > between) std::push_heap(queue.begin(), queue.end(), worse);
    }
}

}  // namespace rheo
