package shopfloor;

import java.util.Map;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.core.WhitespaceTokenizer;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * What our index asks for and the Elasticsearch of Maven's repository comes without, because it has no `analysis-common`
 * module: the `whitespace` tokenizer, and the `stemmer` for English. They wrap what Lucene, which is there, brings, and go
 * by the names and options that every complete Elasticsearch and OpenSearch knows.
 */
public final class EnglishAnalysisPlugin extends Plugin implements AnalysisPlugin {
  @Override
  public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
    return Map.of("whitespace", (index, environment, name, settings) -> new Words(name));
  }

  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    return Map.of("stemmer", (index, environment, name, settings) -> new Stems(name, settings));
  }

  private record Words(String name) implements TokenizerFactory {
    @Override
    public Tokenizer create() {
      return new WhitespaceTokenizer();
    }
  }

  private static final class Stems extends AbstractTokenFilterFactory {
    Stems(String name, Settings settings) {
      super(name, settings);
      String language = settings.get("language", "porter2");
      if (!language.equals("porter2")) throw new IllegalArgumentException("no stemmer for " + language);
    }

    @Override
    public TokenStream create(TokenStream tokens) {
      return new SnowballFilter(tokens, "English");
    }
  }
}
