package shopfloor;

import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.en.EnglishPossessiveFilter;
import org.apache.lucene.analysis.en.PorterStemFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.NormalizingTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * The two token filters that our index asks for and that the Elasticsearch of Maven's repository comes without (it has no
 * `analysis-common` module): `asciifolding`, and `stemmer` for English. They wrap what Lucene, which is there, brings, and
 * go by the names and options that every complete Elasticsearch and OpenSearch knows.
 */
public final class EnglishAnalysisPlugin extends Plugin implements AnalysisPlugin {
  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    return Map.of(
        "asciifolding", (index, environment, name, settings) -> new Folding(name, settings),
        "stemmer", (index, environment, name, settings) -> new Stemming(name, settings));
  }

  private static final class Folding extends AbstractTokenFilterFactory implements NormalizingTokenFilterFactory {
    Folding(String name, Settings settings) {
      super(name, settings);
    }

    @Override
    public TokenStream create(TokenStream tokens) {
      return new ASCIIFoldingFilter(tokens);
    }
  }

  private static final class Stemming extends AbstractTokenFilterFactory {
    private final UnaryOperator<TokenStream> filter;

    Stemming(String name, Settings settings) {
      super(name, settings);
      String language = settings.get("language", settings.get("name", "english"));
      this.filter = switch (language) {
        case "english" -> PorterStemFilter::new;
        case "possessive_english" -> EnglishPossessiveFilter::new;
        default -> throw new IllegalArgumentException("no stemmer for " + language);
      };
    }

    @Override
    public TokenStream create(TokenStream tokens) {
      return filter.apply(tokens);
    }
  }
}
