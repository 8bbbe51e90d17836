#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rheo {

/// Prefix tree over the bytes of texts, each with a value that is not negative. Memory: 16 bytes for each
/// distinct prefix.
class ByteTrie {
public:
    ByteTrie();

    /// Adds `text` (not empty). A text that is in the tree keeps its first value. Linear in its length, times
    /// the number of different bytes that follow one prefix.
    void add(std::string_view text, std::int32_t value);

    bool empty() const { return m_nodes.empty(); }

    /// Calls `visit(length, value)` for each text of the tree that stands at `offset` (< text.size()),
    /// shortest first. Returns how many bytes were compared.
    template <class Visit>
    std::size_t forEachPrefix(std::string_view text, std::size_t offset, Visit visit) const {
        std::int32_t node = m_roots[static_cast<std::uint8_t>(text[offset])];
        std::size_t at = offset;
        while (node >= 0) {
            const Node& here = m_nodes[static_cast<std::size_t>(node)];
            ++at;
            if (here.value >= 0) visit(at - offset, here.value);
            if (at == text.size()) break;
            node = child(here.child, text[at]);
        }
        return at - offset;
    }

private:
    struct Node {
        std::int32_t child = -1, sibling = -1;
        std::int32_t value = -1;
        char byte = 0;
    };

    /// The node for `byte` among `first` and its siblings, or -1.
    std::int32_t child(std::int32_t first, char byte) const {
        while (first >= 0 && m_nodes[static_cast<std::size_t>(first)].byte != byte)
            first = m_nodes[static_cast<std::size_t>(first)].sibling;
        return first;
    }

    std::array<std::int32_t, 256> m_roots;
    std::vector<Node> m_nodes;
};

}  // namespace rheo
