import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * For each line HOST:PORT TOPIC PARTITION that it reads, prints the records of that partition as one line of JSON. Every line has
 * a consumer of its own, which knows nothing of the one before.
 */
public class Records {
  public static void main(String[] args) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var json = new ObjectMapper();
    for (String line; (line = lines.readLine()) != null; ) {
      var words = line.split(" ");
      System.out.write((json.writeValueAsString(read(words[0], words[1], Integer.parseInt(words[2]))) + "\n").getBytes(StandardCharsets.UTF_8));
      System.out.flush();
    }
  }

  static List<Map<String, Object>> read(String broker, String topic, int number) {
    var partition = new TopicPartition(topic, number);
    var settings = Map.<String, Object>of("bootstrap.servers", broker, "check.crcs", "true", "enable.auto.commit", "false");
    var found = new ArrayList<Map<String, Object>>();
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          var headers = new LinkedHashMap<String, String>();
          for (var header : record.headers()) headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
          found.add(Map.of("key", record.key(), "value", record.value(), "timestamp", record.timestamp(), "headers", headers));
        }
      }
    }
    return found;
  }
}
