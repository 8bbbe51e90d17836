#include "widgets/viewmodels/token_strip_model.h"
#include "widgets/viewmodels/prompt_queue.h"

namespace rheo {

TokenStripModel::TokenStripModel(Workspace& workspace, Selection& selection, QObject* parent)
    : QAbstractListModel(parent), m_workspace(workspace), m_selection(selection) {
    connect(&selection, &Selection::promptChanged, this, &TokenStripModel::refresh);
    connect(&selection, &Selection::tokenChanged, this, &TokenStripModel::refresh);
    connect(&selection, &Selection::lookedChanged, this, &TokenStripModel::refresh);
    connect(&workspace, &Workspace::stateChanged, this, &TokenStripModel::refresh);
    connect(&workspace.prompts(), &PromptQueue::changed, this, &TokenStripModel::refresh);
    connect(&workspace, &Workspace::modelChanged, this, &TokenStripModel::rebuild);
    rebuild();
}

int TokenStripModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_tokens.size());
}

QVariant TokenStripModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const Token& token = m_tokens[static_cast<std::size_t>(index.row())];
    switch (role) {
        case Qt::DisplayRole: return token.text;
        case Qt::ToolTipRole:
            return token.captured ? tr("Token %1, id %2").arg(index.row()).arg(token.id)
                                  : tr("Token %1, id %2: click to follow it; Pin makes its path a row")
                                        .arg(index.row())
                                        .arg(token.id);
        case TokenIdRole: return token.id;
        case PositionRole: return index.row();
        case CapturedRole: return token.captured;
        case SelectedRole: return m_selection.prompt() == m_prompt && m_selection.token() == index.row();
        case SpecialRole: return token.special;
        case CapturingRole:
            return m_workspace.prompts().isCapturing(m_prompt, index.row()) ||
                   m_selection.isLooking(index.row());
        default: return {};
    }
}

QHash<int, QByteArray> TokenStripModel::roleNames() const {
    auto names = QAbstractListModel::roleNames();
    names.insert({{TokenIdRole, "tokenId"},
                  {PositionRole, "position"},
                  {CapturedRole, "captured"},
                  {SelectedRole, "selected"},
                  {SpecialRole, "special"},
                  {CapturingRole, "capturing"}});
    return names;
}

void TokenStripModel::rebuild() {
    beginResetModel();
    m_prompt = m_selection.prompt();
    m_ids = m_workspace.prompts().sampleOf(m_prompt).tokenIds;
    m_tokens.clear();
    const auto model = m_workspace.model();
    for (const std::int32_t id : m_ids) {
        Token token;
        token.id = id;
        if (model && model->tokenizer) {
            token.text = QString::fromStdString(model->tokenizer->pieceText(id));
            token.special = model->tokenizer->isSpecial(id);
        } else {
            token.text = QString::number(id);
        }
        m_tokens.push_back(token);
    }
    markCaptured();
    endResetModel();
}

void TokenStripModel::refresh() {
    if (m_prompt != m_selection.prompt() || m_ids != m_workspace.prompts().sampleOf(m_prompt).tokenIds) {
        rebuild();
        return;
    }
    markCaptured();
    if (!m_tokens.empty()) Q_EMIT dataChanged(index(0), index(rowCount() - 1));
}

void TokenStripModel::markCaptured() {
    for (Token& token : m_tokens) token.captured = false;
    const auto state = m_workspace.state();
    const auto sample = sampleOf(*state, m_prompt);
    if (!sample) return;
    for (const TraceRow& row : state->trace->info().rows)
        if (row.sample == *sample && row.position >= 0 &&
            static_cast<std::size_t>(row.position) < m_tokens.size())
            m_tokens[static_cast<std::size_t>(row.position)].captured = true;
}

}  // namespace rheo
