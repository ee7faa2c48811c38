import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Prints the records of a partition as JSON: Records HOST:PORT TOPIC PARTITION. */
public class Records {
  public static void main(String[] args) throws Exception {
    var partition = new TopicPartition(args[1], Integer.parseInt(args[2]));
    var settings = Map.<String, Object>of("bootstrap.servers", args[0], "check.crcs", "true", "enable.auto.commit", "false");
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
    System.out.println(new ObjectMapper().writeValueAsString(found));
  }
}
