use zerogr::{Document, Index, IndexOptions, SearchOptions, TrainOptions};

fn main() -> zerogr::Result<()> {
    let index = Index::create("papers.zgr", IndexOptions::default())?;
    let mut writer = index.writer()?;
    for (id, title, text) in [
        ("doc-1", "Wing flutter", "Thin wings may vibrate."),
        ("doc-2", "Heat transfer", "Plates in a hot stream."),
    ] {
        writer.add(Document::new(id).title(title).text(text))?;
    }
    writer.train(&TrainOptions::default(), &mut |_| {})?;

    let result = index.search("why do wings shake?", &SearchOptions::new().k(10))?;
    for hit in result.hits {
        println!("{:.3} {} [{}]", hit.score, hit.id, hit.docid);
    }
    Ok(())
}
