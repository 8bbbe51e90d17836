#include "core/tokenizer/byte_trie.h"

namespace rheo {

ByteTrie::ByteTrie() {
    m_roots.fill(-1);
}

void ByteTrie::add(std::string_view text, std::int32_t value) {
    std::int32_t parent = -1;
    for (const char byte : text) {
        const std::int32_t first = parent < 0 ? m_roots[static_cast<std::uint8_t>(byte)]
                                              : m_nodes[static_cast<std::size_t>(parent)].child;
        std::int32_t node = child(first, byte);
        if (node < 0) {
            node = static_cast<std::int32_t>(m_nodes.size());
            Node made;
            made.byte = byte;
            if (parent >= 0) made.sibling = first;
            m_nodes.push_back(made);
            (parent < 0 ? m_roots[static_cast<std::uint8_t>(byte)]
                        : m_nodes[static_cast<std::size_t>(parent)].child) = node;
        }
        parent = node;
    }
    std::int32_t& end = m_nodes[static_cast<std::size_t>(parent)].value;
    if (end < 0) end = value;
}

}  // namespace rheo
