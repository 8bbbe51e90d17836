#include "app/command_palette.h"

#include <QAction>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMenuBar>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "app/main_window.h"
#include "core/base/residual_point.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/view.h"

namespace rheo {

namespace {

QString plain(QString text) {
    return text.remove('&').remove(QChar(0x2026));
}

/// How well a name fits; 0: not at all.
int fit(const QString& text, const QString& query, const QStringList& words) {
    if (text.startsWith(query, Qt::CaseInsensitive)) return 3;
    for (const QString& word : words)
        if (!text.contains(word, Qt::CaseInsensitive)) return 0;
    return text.contains(' ' + query, Qt::CaseInsensitive) ? 2 : 1;
}

/// The actions of a menu and its submenus, as "Menu: action".
void addActions(const QMenu* menu, const QString& path, QList<PaletteEntry>& entries) {
    for (QAction* action : menu->actions()) {
        if (action->isSeparator() || !action->isVisible()) continue;
        if (action->menu() != nullptr) {
            addActions(action->menu(), plain(action->text()), entries);
            continue;
        }
        if (action->isEnabled() && !action->text().isEmpty())
            entries.append({path + QStringLiteral(": ") + plain(action->text()), CommandPalette::tr("action"),
                            action->shortcut().toString(QKeySequence::NativeText),
                            [action] { action->trigger(); }});
    }
}

void addPrompts(MainWindow& window, QList<PaletteEntry>& entries) {
    const PromptQueue& prompts = window.workspace().prompts();
    for (int i = 0; i < prompts.count(); ++i) {
        const PromptItem prompt = prompts.at(i);
        if (prompt.rows > 0)
            entries.append({prompt.text.simplified().left(200),
                            CommandPalette::tr("prompt"),
                            {},
                            [&window, id = prompt.id] { window.selection().selectPrompt(id); }});
    }
}

/// "17" or "unit 17" is a unit; "L05" or "L05.attn_in" a depth.
void addNumbers(MainWindow& window, const QString& query, QList<PaletteEntry>& entries) {
    bool isNumber = false;
    const QString number =
        query.startsWith(QStringLiteral("unit "), Qt::CaseInsensitive) ? query.mid(5) : query;
    const int unit = number.toInt(&isNumber);
    const auto trace = window.workspace().state()->trace;
    if (isNumber && unit >= 0 && trace && unit < trace->units())
        entries.append(
            {CommandPalette::tr("Unit %1").arg(unit), CommandPalette::tr("unit"), {}, [&window, unit] {
                 window.selection().selectUnit(UnitIndex{unit});
             }});
    if (!trace) return;
    const auto& points = window.workspace().points();
    for (std::size_t p = 0; p < points.size(); ++p)
        entries.append(
            {CommandPalette::tr("Depth %1").arg(QString::fromStdString(pointName(points[p]))),
             CommandPalette::tr("depth"),
             {},
             [&window, p] { window.selection().selectPoint(PointIndex{static_cast<std::int64_t>(p)}); }});
}

}  // namespace

QList<PaletteEntry> paletteEntries(MainWindow& window, const QString& query, int most) {
    QList<PaletteEntry> all;
    for (View* view : window.views())
        all.append({CommandPalette::tr("Show: %1").arg(view->title()),
                    CommandPalette::tr("view"),
                    {},
                    [&window, view] { window.showView(view); }});
    for (const QAction* menu : window.menuBar()->actions())
        if (menu->menu() != nullptr) addActions(menu->menu(), plain(menu->text()), all);
    const QString wanted = query.simplified();
    if (!wanted.isEmpty()) {
        addNumbers(window, wanted, all);
        addPrompts(window, all);
    }
    const QStringList words = wanted.split(' ', Qt::SkipEmptyParts);
    QList<std::pair<int, qsizetype>> found;
    for (qsizetype i = 0; i < all.size(); ++i)
        if (const int how = fit(all[i].text, wanted, words); how > 0) found.append({how, i});
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    QList<PaletteEntry> best;
    for (const auto& [how, i] : found.mid(0, most)) best.append(all[i]);
    return best;
}

CommandPalette::CommandPalette(MainWindow& window)
    : QDialog(&window, Qt::Dialog | Qt::FramelessWindowHint),
      m_window(window),
      m_field(new QLineEdit),
      m_list(new QListWidget) {
    setWindowTitle(tr("Find anything"));
    setModal(true);
    m_field->setPlaceholderText(tr("An action, a view, a prompt, a unit or a depth"));
    m_field->setAccessibleName(tr("Find"));
    m_field->setClearButtonEnabled(true);
    m_list->setAccessibleName(tr("Found"));
    m_list->setFocusPolicy(Qt::NoFocus);  // the keys go to the field, and the arrows from there to the list
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(m_field);
    layout->addWidget(m_list);
    m_field->installEventFilter(this);
    connect(m_field, &QLineEdit::textChanged, this, &CommandPalette::search);
    connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::run);
}

void CommandPalette::showEvent(QShowEvent* event) {
    QDialog::showEvent(event);
    const QSize room = m_window.size();
    resize(std::min(620, room.width() - 40), std::min(420, room.height() - 80));
    move(m_window.mapToGlobal(QPoint((room.width() - width()) / 2, 60)));
    m_field->setFocus();
    search(m_field->text());
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_field && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        const int page = 10;
        const int step = key == Qt::Key_Down       ? 1
                         : key == Qt::Key_Up       ? -1
                         : key == Qt::Key_PageDown ? page
                         : key == Qt::Key_PageUp   ? -page
                                                   : 0;
        if (step != 0 && m_list->count() > 0) {
            m_list->setCurrentRow(std::clamp(m_list->currentRow() + step, 0, m_list->count() - 1));
            return true;
        }
        if (key == Qt::Key_Return || key == Qt::Key_Enter) {
            run();
            return true;
        }
    }
    return QDialog::eventFilter(watched, event);
}

void CommandPalette::search(const QString& query) {
    m_entries = paletteEntries(m_window, query);
    m_list->clear();
    for (const PaletteEntry& entry : m_entries)
        m_list->addItem(entry.keys.isEmpty() ? entry.text
                                             : QStringLiteral("%1    (%2)").arg(entry.text, entry.keys));
    if (m_entries.isEmpty()) {
        auto* nothing = new QListWidgetItem(tr("Nothing has this name"));
        nothing->setFlags(Qt::NoItemFlags);
        m_list->addItem(nothing);
    }
    m_list->setCurrentRow(m_entries.isEmpty() ? -1 : 0);
}

void CommandPalette::run() {
    const int chosen = m_list->currentRow();
    if (chosen < 0 || chosen >= m_entries.size()) return;
    const auto act = m_entries[chosen].act;
    accept();
    // Once the palette is gone: what is done may open a dialog of its own.
    QTimer::singleShot(0, &m_window, act);
}

}  // namespace rheo
