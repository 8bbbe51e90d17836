#include "app/manual_window.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QScrollBar>
#include <QShortcut>
#include <QSplitter>
#include <QStyle>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTextCursor>
#include <QTextTable>
#include <QToolBar>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <utility>

namespace rheo {

namespace {

constexpr const char* placeProperty = "manualPlace";
constexpr int addressRole = Qt::UserRole;

QString text(const std::string& words) {
    return QString::fromStdString(words);
}

QTreeWidgetItem* itemFor(const ManualPlace& place) {
    auto* item =
        new QTreeWidgetItem({text(place.isWholeTopic() ? place.topic->title : place.section->title)});
    item->setData(0, addressRole, text(place.address()));
    if (place.isWholeTopic()) item->setToolTip(0, text(place.topic->summary));
    return item;
}

/// As the window shows it: a name in code stands below its heading.
QString shownText(const ManualTopic& topic) {
    QString all;
    for (const auto& section : topic.sections) {
        QString own = text(section.text);
        if (!section.key.empty())
            own = QStringLiteral("%1 %2\n\n`%3`\n%4")
                      .arg(QString(section.level, '#'), text(section.title), text(section.key),
                           own.mid(own.indexOf('\n')));
        all += own;
    }
    return all;
}

/// A ground behind names in code, which not every font tells from words.
void markCode(QTextDocument& document, const QColor& ground) {
    QTextCharFormat format;
    format.setBackground(ground);
    QTextCursor cursor(&document);
    for (QTextBlock block = document.begin(); block.isValid(); block = block.next())
        for (auto it = block.begin(); !it.atEnd(); ++it) {
            const QTextFragment part = it.fragment();
            if (!part.isValid() || !part.charFormat().fontFixedPitch()) continue;
            cursor.setPosition(part.position());
            cursor.setPosition(part.position() + part.length(), QTextCursor::KeepAnchor);
            cursor.mergeCharFormat(format);
        }
}

/// Room around what is read, and lines between the cells of tables.
void layOut(QTextDocument& document, const QPalette& palette) {
    document.setDocumentMargin(18);
    markCode(document, palette.color(QPalette::AlternateBase));
    for (QTextFrame* frame : document.rootFrame()->childFrames())
        if (auto* table = qobject_cast<QTextTable*>(frame)) {
            QTextTableFormat format = table->format();
            format.setBorderCollapse(true);
            format.setBorder(0.5);
            format.setBorderBrush(palette.mid());
            format.setCellPadding(5);
            table->setFormat(format);
        }
}

}  // namespace

void setManualPlace(QWidget& widget, const QString& address) {
    widget.setProperty(placeProperty, address);
}

QString manualPlaceOf(const QWidget* widget) {
    for (; widget != nullptr; widget = widget->parentWidget())
        if (const QString address = widget->property(placeProperty).toString(); !address.isEmpty())
            return address;
    return {};
}

ManualWindow::ManualWindow(Manual manual, std::function<QString(const QString&)> more, QWidget* parent)
    : QWidget(parent, Qt::Window),
      m_manual(std::move(manual)),
      m_more(std::move(more)),
      m_search(new QLineEdit),
      m_contents(new QTreeWidget),
      m_browser(new QTextBrowser) {
    setWindowTitle(tr("Rheograph: the manual"));
    resize(1000, 720);
    m_search->setPlaceholderText(tr("Search the manual"));
    m_search->setAccessibleName(tr("Search the manual"));
    m_search->setToolTip(tr("Show sections that contain all these words"));
    m_search->setClearButtonEnabled(true);
    m_contents->setHeaderHidden(true);
    m_contents->setAccessibleName(tr("Contents"));
    m_browser->setOpenLinks(false);
    m_browser->setAccessibleName(tr("Text of the manual"));
    m_browser->setFrameShape(QFrame::NoFrame);

    auto* tools = new QToolBar;
    const auto button = [&](QStyle::StandardPixmap icon, const QString& name, const QKeySequence& key,
                            auto act) {
        QAction* action = tools->addAction(style()->standardIcon(icon), name);
        action->setShortcut(key);
        action->setToolTip(QStringLiteral("%1 (%2)").arg(name, key.toString(QKeySequence::NativeText)));
        connect(action, &QAction::triggered, this, act);
        return action;
    };
    m_back = button(QStyle::SP_ArrowBack, tr("Back"), QKeySequence("Alt+Left"), &ManualWindow::goBack);
    m_forward =
        button(QStyle::SP_ArrowForward, tr("Forward"), QKeySequence("Alt+Right"), &ManualWindow::goForward);
    button(QStyle::SP_FileDialogDetailedView, tr("Contents"), QKeySequence("Alt+Home"),
           [this] { showPlace("index"); });

    auto* side = new QWidget;
    auto* sideLayout = new QVBoxLayout(side);
    sideLayout->setContentsMargins(6, 6, 0, 6);
    sideLayout->addWidget(tools);
    sideLayout->addWidget(m_search);
    sideLayout->addWidget(m_contents, 1);
    auto* splitter = new QSplitter;
    splitter->addWidget(side);
    splitter->addWidget(m_browser);
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({270, 730});
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(splitter);

    connect(m_browser, &QTextBrowser::anchorClicked, this,
            [this](const QUrl& link) { follow(link.toString()); });
    connect(m_search, &QLineEdit::textChanged, this, &ManualWindow::search);
    connect(m_search, &QLineEdit::returnPressed, this, [this] {
        QTreeWidgetItemIterator it(m_contents);
        for (; *it != nullptr; ++it)
            if (const QString address = (*it)->data(0, addressRole).toString(); !address.isEmpty())
                return showPlace(address);
    });
    const auto open = [this](const QTreeWidgetItem* item) {
        if (item != nullptr && !item->data(0, addressRole).toString().isEmpty())
            showPlace(item->data(0, addressRole).toString());
    };
    connect(m_contents, &QTreeWidget::itemClicked, this, open);
    connect(m_contents, &QTreeWidget::itemActivated, this, open);
    auto* find = new QShortcut(QKeySequence::Find, this);
    connect(find, &QShortcut::activated, this, [this] {
        m_search->setFocus(Qt::ShortcutFocusReason);
        m_search->selectAll();
    });
    buildContents();
    updateActions();
}

void ManualWindow::buildContents() {
    m_contents->clear();
    for (const auto& topic : m_manual.topics) {
        QTreeWidgetItem* parent = itemFor({&topic, &topic.sections.front()});
        for (std::size_t i = 1; i < topic.sections.size(); ++i)
            parent->addChild(itemFor({&topic, &topic.sections[i]}));
        m_contents->addTopLevelItem(parent);
    }
}

void ManualWindow::search(const QString& words) {
    if (words.simplified().isEmpty()) {
        buildContents();
        m_browser->setExtraSelections({});
        return;
    }
    m_contents->clear();
    for (const ManualPlace& place : searchManual(m_manual, words.toStdString())) {
        QTreeWidgetItem* item = itemFor(place);
        if (!place.isWholeTopic())
            item->setText(0, QStringLiteral("%1: %2").arg(text(place.topic->title), item->text(0)));
        m_contents->addTopLevelItem(item);
    }
    if (m_contents->topLevelItemCount() == 0)
        m_contents->addTopLevelItem(new QTreeWidgetItem({tr("No section contains all these words.")}));
    markWords();
}

/// Where the words that are searched for stand in the text.
void ManualWindow::markWords() {
    QList<QTextEdit::ExtraSelection> marks;
    QTextCharFormat format;
    format.setBackground(palette().highlight());
    format.setForeground(palette().highlightedText());
    for (const QString& word : m_search->text().split(' ', Qt::SkipEmptyParts))
        for (QTextCursor at = m_browser->document()->find(word); !at.isNull() && marks.size() < 500;
             at = m_browser->document()->find(word, at))
            marks.push_back({at, format});
    m_browser->setExtraSelections(marks);
}

void ManualWindow::showPlace(const QString& address) {
    if (m_at < 0 || m_history[m_at] != address) {
        m_history.resize(m_at + 1);
        m_history << address;
        m_at = m_history.size() - 1;
    }
    render(address);
}

void ManualWindow::goBack() {
    if (m_at > 0) render(m_history[--m_at]);
}

void ManualWindow::goForward() {
    if (m_at + 1 < m_history.size()) render(m_history[++m_at]);
}

void ManualWindow::render(const QString& address) {
    const auto place = findPlace(m_manual, address.toStdString());
    const bool sameTopic = place && m_address.section('#', 0, 0) == text(place->topic->name);
    m_address = address;
    updateActions();
    if (!place) {
        m_browser->setPlainText(tr("The manual has nothing about “%1”.").arg(address));
        return;
    }
    if (!sameTopic) {
        const QString name = text(place->topic->name);
        m_browser->setMarkdown(shownText(*place->topic) + (m_more ? m_more(name) : QString()));
        layOut(*m_browser->document(), palette());
        setWindowTitle(tr("%1 – the manual of Rheograph").arg(text(place->topic->title)));
    }
    markWords();
    scrollTo(*place);
    QTreeWidgetItemIterator it(m_contents);
    for (; *it != nullptr; ++it)
        if ((*it)->data(0, addressRole).toString() == address) m_contents->setCurrentItem(*it);
}

/// Puts the heading of a section at the top.
void ManualWindow::scrollTo(const ManualPlace& place) {
    if (place.isWholeTopic()) return m_browser->verticalScrollBar()->setValue(0);
    // The heading as the document shows it: after as many headings of its topic as before it in the text.
    const auto number = place.section - place.topic->sections.data();
    qsizetype seen = -1;
    for (QTextBlock block = m_browser->document()->begin(); block.isValid(); block = block.next()) {
        if (block.blockFormat().headingLevel() == 0 || ++seen < number) continue;
        QTextCursor cursor(block);
        m_browser->setTextCursor(cursor);
        m_browser->verticalScrollBar()->setValue(m_browser->verticalScrollBar()->value() +
                                                 m_browser->cursorRect(cursor).top() - 12);
        return;
    }
}

void ManualWindow::follow(const QString& link) {
    const auto here = findPlace(m_manual, m_address.toStdString());
    if (!here) return;
    if (const auto place = followLink(m_manual, *here->topic, link.toStdString()))
        showPlace(text(place->address()));
}

void ManualWindow::updateActions() {
    m_back->setEnabled(m_at > 0);
    m_forward->setEnabled(m_at + 1 < m_history.size());
}

void ManualWindow::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape)
        close();
    else
        QWidget::keyPressEvent(event);
}

/// The colours of links and tables are the document's own.
void ManualWindow::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange || m_address.isEmpty()) return;
    const int at = m_browser->verticalScrollBar()->value();
    const QString address = std::exchange(m_address, QString());
    render(address);
    m_browser->verticalScrollBar()->setValue(at);
}

}  // namespace rheo
